#!/usr/bin/env python3
# run.py - the benchmark: Graft beside its peers in one run; prints ratios, writes JSON and a page.
import argparse
import datetime
import json
import os
import signal
import sys
import tempfile

import machine
import report
from machine import Failed
from measures import (BATCH, EPOCHS, IN_ROUNDS, MEASURES, NETWORKS, OURS, PEERS, SYSTEMS,
                      TEST_SHARE)
from systems import Graft, Peer, keras_job

TRIES = 4  # of a sample, while others disturb it


def say(text):
    print(text, file=sys.stderr, flush=True)


def some_of(names):
    """Type of an option: a list of these names."""
    def parse(text):
        chosen = text.split(",")
        for name in chosen:
            if name not in names:
                raise argparse.ArgumentTypeError(f"'{name}' is none of {', '.join(names)}")
        return [name for name in names if name in chosen]
    return parse


def natural(text):
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 1 on")
    return int(text)


def options():
    parser = argparse.ArgumentParser(
        description="Measures Graft beside its peers; README.md says what and how.")
    add = parser.add_argument
    add("--graftc", default=os.environ.get("GRAFTC", "graftc"), help="the compiler")
    add("--networks", type=some_of(NETWORKS), default=list(NETWORKS), help=",".join(NETWORKS))
    add("--measures", type=some_of(MEASURES), default=list(MEASURES), help=",".join(MEASURES))
    add("--systems", type=some_of(SYSTEMS), default=list(SYSTEMS), help=",".join(SYSTEMS))
    add("--python-keras", default=sys.executable, help="Python that has keras and tensorflow")
    add("--python-torch", default=sys.executable,
        help="Python that has torch, torchvision, onnx, onnxruntime, openvino")
    add("--rounds", type=natural, help="samples of each figure (3)")
    add("--images", type=natural, help="training images of the job (5000); a fifth as many test it")
    add("--seconds", type=float, help="length of a peer's sample (1)")
    add("--wait", type=float, default=1800.0,
        help="seconds in all that the run may wait until others are quiet (1800)")
    add("--quick", action="store_true", help="one short round, 500 images: to see that it works")
    add("--json", default="benchmarks.json", help="file for every sample")
    add("--page", default="benchmarks.md", help="file for the tables; what is around them stays")
    add("--from", dest="source", help="measure nothing, make the page of this JSON file")
    chosen = parser.parse_args()
    for name in ("python_keras", "python_torch"):  # the scripts run in another folder
        if os.sep in getattr(chosen, name):
            setattr(chosen, name, os.path.abspath(getattr(chosen, name)))
    for name, usual, quick in (("rounds", 3, 1), ("images", 5000, 500), ("seconds", 1.0, 0.2)):
        if getattr(chosen, name) is None:
            setattr(chosen, name, quick if chosen.quick else usual)
    return chosen


class Benchmark:
    """A run: its options, its systems and what they gave."""

    def __init__(self, chosen, folder):
        self.chosen = chosen
        self.folder = folder
        self.graft = Graft(chosen.graftc, folder)
        self.peers = []     # the scripts that run now
        self.patience = machine.Patience(chosen.wait)
        self.patience.wait()
        self.results = {
            "date": datetime.date.today().isoformat(), "quick": chosen.quick,
            "rounds": chosen.rounds, "images": chosen.images, "networks": chosen.networks,
            "machine": machine.describe(folder),
            "versions": {"Graft": self.graft.version},
            "left_out": {}, "failures": [], "samples": [], "profiles": self.graft.profiles}

    # -------------------------------------------------------------- samples

    def add(self, network, measure, system, number, values, watch):
        for setting, value in values.items():
            self.results["samples"].append({
                "network": network, "measure": measure, "system": system, "round": number,
                "setting": setting, "value": value, "others": watch.others,
                "load": machine.load_average()})
        say(f"  {SYSTEMS[system]:16} {min(values.values()):10.3f} {MEASURES[measure].unit}"
            + (f"   (others used {watch.others} cores)" if watch.others >= machine.QUIET else ""))

    def fail(self, network, measure, system, error):
        self.results["failures"].append({"network": network, "measure": measure, "system": system,
                                         "why": str(error)})
        say(f"  {SYSTEMS[system]:16} left out: {error}")

    def sample(self, network, measure, system, number, take, tries=TRIES):
        """take() gives {setting: value}; it is taken again when others were at work meanwhile.
        Returns who was at work during the last one."""
        for _ in range(tries):
            self.patience.wait(self.pids())
            with machine.Watch(self.pids()) as watch:
                values = take()
            self.add(network, measure, system, number, values, watch)
            if watch.others < machine.QUIET or self.patience.left <= 0:
                break
        return watch

    # -------------------------------------------------------------- systems

    def start_peers(self):
        """{system: who answers for it}, ours first; those that are not there are noted."""
        able = {OURS: self.graft}
        for script, systems in PEERS.items():
            wanted = [s for s in systems if s in self.chosen.systems
                      and s not in self.results["left_out"]]
            if not wanted:
                continue
            try:
                peer = Peer(self.python(script), script, self.folder)
            except (Failed, OSError) as error:
                self.leave_out({system: str(error) for system in wanted})
                continue
            self.peers.append(peer)
            self.results["versions"].update(peer.hello["versions"])
            self.leave_out({s: why for s, why in peer.hello["missing"].items() if s in wanted})
            able.update({s: peer for s in wanted if s in peer.hello["systems"]})
        return able

    def python(self, script):
        return self.chosen.python_keras if script == "peer_keras.py" else self.chosen.python_torch

    def leave_out(self, why):
        self.results["left_out"].update(why)
        for system, text in why.items():
            say(f"{SYSTEMS[system]} is left out: {text}")

    def pids(self):
        return [peer.process.pid for peer in self.peers]

    def stop_peers(self):
        for peer in self.peers:
            peer.close()
        self.peers = []

    # -------------------------------------------------------------- measures

    def wants(self, network, measure):
        return measure in self.chosen.measures and network in MEASURES[measure].targets

    def in_rounds(self, network, measure, able):
        """Everybody prepares, then everybody in turn, each round beginning with another one."""
        say(f"{NETWORKS[network].title}: {MEASURES[measure].title}")
        ready = []
        for system in able:
            if system != OURS and system not in MEASURES[measure].peers:
                continue
            try:
                able[system].prepare(network, measure, system)
                ready.append(system)
            except Failed as error:
                self.fail(network, measure, system, error)
        for number in range(self.chosen.rounds):
            first = number % len(ready) if ready else 0
            for system in ready[first:] + ready[:first]:
                try:
                    self.sample(network, measure, system, number,
                                lambda s=system: able[s].measure(network, measure, s,
                                                                 self.chosen.seconds))
                except Failed as error:
                    self.fail(network, measure, system, error)

    def whole_job(self, network, has_keras):
        """Ten epochs as programs, once each, or twice when disturbed; memory is of the last run."""
        images = self.chosen.images
        train, test = self.graft.images(images), self.graft.images(images // TEST_SHARE)
        runs = {OURS: lambda: self.graft.job(network, images)}
        if has_keras:
            runs["keras"] = lambda: keras_job(self.chosen.python_keras, network, train, test,
                                              EPOCHS)
        say(f"{NETWORKS[network].title}: {MEASURES['job'].title}")
        for system, run in runs.items():
            memory = {}

            def take(run=run, memory=memory):
                seconds, memory[""] = run()
                return {"": seconds}

            try:
                watch = self.sample(network, "job", system, 0, take, tries=2)
                self.add(network, "memory", system, 0, memory, watch)
            except Failed as error:
                self.fail(network, "job", system, error)

    def processes(self, network, measure, takes):
        """Short processes in turn; takes: {system: function that gives seconds}."""
        say(f"{NETWORKS[network].title}: {MEASURES[measure].title}")
        for number in range(self.chosen.rounds):
            for system, take in takes.items():
                try:
                    self.sample(network, measure, system, number, lambda t=take: {"": t()})
                except Failed as error:
                    self.fail(network, measure, system, error)

    def measure_network(self, network):
        wanted = [measure for measure in IN_ROUNDS if self.wants(network, measure)]
        try:
            able = self.start_peers() if wanted else {OURS: self.graft}
            for measure in wanted:
                self.in_rounds(network, measure, able)
        finally:
            self.stop_peers()
        has_keras = "keras" in self.chosen.systems and "keras" not in self.results["left_out"]
        if self.wants(network, "job") or self.wants(network, "memory"):
            self.whole_job(network, has_keras)
        if self.wants(network, "start"):
            takes = {OURS: lambda: self.graft.start(network)}
            if has_keras:
                takes["keras"] = lambda: keras_job(self.chosen.python_keras, network,
                                                   self.graft.images(BATCH), "-", 1)[0]
            self.processes(network, "start", takes)
        if self.wants(network, "build"):
            self.processes(network, "build",
                           {OURS: lambda: self.graft.build(network, again=True)[1]})
        if self.wants(network, "info"):
            self.processes(network, "info", {OURS: lambda: self.graft.info(network)})

    def run(self):
        for network in self.chosen.networks:
            self.measure_network(network)
            self.save()
        return self.results

    def save(self):
        with open(self.chosen.json, "w", encoding="utf-8") as file:
            json.dump(self.results, file, indent=1)
            file.write("\n")


def main():
    chosen = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if chosen.source:
            with open(chosen.source, encoding="utf-8") as file:
                results = json.load(file)
        else:
            with tempfile.TemporaryDirectory() as folder:
                results = Benchmark(chosen, folder).run()
        report.write_page(results, chosen.page)
        print("\n".join(report.ratio_table(results)))
    except (Failed, OSError) as error:
        say(f"run.py: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
