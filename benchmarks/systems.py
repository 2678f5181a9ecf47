# systems.py - what is measured: Graft's programs, and the peers' scripts, asked line by line.
import json
import os
import random
import shutil
import signal
import subprocess

import machine
from machine import HERE, Failed
from measures import BATCH, EPOCHS, NETWORKS, OURS, TEST_SHARE

# what --set gives a measure's program
VARIANTS = {"bf16": ("backbone.precision=bfloat16",), "finetune": ("backbone.frozen=none",)}
RECORD = 1 + 3 * 32 * 32  # of CIFAR-10: a label, three planes


def write_images(path, n):
    """A CIFAR-10 batch of random pixels and labels."""
    noise = random.Random(n)
    with open(path, "wb") as file:
        for _ in range(n):
            file.write(bytes([noise.randrange(10)]) + noise.randbytes(RECORD - 1))


class Graft:
    """The compiler and the programs that it builds, in a folder of the benchmark's own."""
    STEP_IMAGES = 32 * BATCH   # an epoch of the whole step
    HEAD_IMAGES = 160 * BATCH  # of the head, which is so short that the epoch's files would weigh

    def __init__(self, graftc, folder):
        self.graftc = os.path.abspath(graftc)
        self.folder = folder
        self.profiles = {}  # network: the bench output of its fastest forward
        self.version = machine.run([self.graftc, "--version"])[0].split()[-1]
        self.programs = {}

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def images(self, n):
        path = self.path(f"images-{n}.bin")
        if not os.path.exists(path):
            write_images(path, n)
        return path

    def build(self, network, variant=(), again=False):
        """(program, seconds that building it took); variant: more --set arguments."""
        key = network, variant
        if key not in self.programs or again:
            net = NETWORKS[network]
            sets = ("backbone.weights=random", "data.format=cifar10", "data.test=null") + net.sets
            program = self.path("-".join((network,) + variant).replace("=", "-"))
            spec = os.path.join(HERE, "..", "specs", net.spec)
            kept = os.path.abspath(self.path("kernels"))  # of earlier builds: none
            shutil.rmtree(kept, ignore_errors=True)
            command = ["env", f"XDG_CACHE_HOME={kept}", self.graftc, "build", spec, "-o", program]
            for setting in sets + variant:
                command += ["--set", setting]
            self.programs[key] = program, machine.run(command)[1]
        return self.programs[key]

    def train(self, program, arguments):
        """One training: (events of its history, seconds, MB)."""
        out = self.path("run")
        shutil.rmtree(out, ignore_errors=True)
        _, seconds, memory = machine.run([program, "train", "--out", out, *arguments])
        with open(os.path.join(out, "history.jsonl")) as history:
            events = [json.loads(line) for line in history]
        shutil.rmtree(out)
        return events, seconds, memory

    def forward(self, network, variant):
        program, _ = self.build(network, variant)
        answer = json.loads(machine.run([program, "bench", "--json"])[0])
        prefix = next(phase for phase in answer["phases"] if phase["name"] == "prefix")
        best = self.profiles.get(network)
        if not variant and (best is None or prefix["ms"] < best["ms"]):
            self.profiles[network] = prefix
        streams, batch = prefix["streams"], prefix["batch"]
        return {f"batch {batch}, {streams} x 1 thread": prefix["ms"] / batch / streams}

    def step(self, network, variant, images, cache, epochs):
        """ms a step, mean of the epochs behind the first."""
        program, _ = self.build(network, variant)
        events, _, _ = self.train(program, ["--train", self.images(images), "--cache", cache,
                                            "--epochs", str(epochs)])
        seconds = [event["seconds"] for event in events if event["event"] == "epoch"][1:]
        return {"": sum(seconds) / len(seconds) / (images / BATCH) * 1e3}

    def prepare(self, network, measure, _system):
        """Builds the program and, for the head, fills its feature cache."""
        self.build(network, VARIANTS.get(measure, ()))
        if measure == "head":
            self.step(network, (), self.HEAD_IMAGES, self.path("features"), 2)

    def measure(self, network, measure, _system, _seconds):
        variant = VARIANTS.get(measure, ())
        if measure in ("forward", "bf16"):
            return self.forward(network, variant)
        if measure == "head":
            return self.step(network, variant, self.HEAD_IMAGES, self.path("features"), 3)
        return self.step(network, variant, self.STEP_IMAGES, "off", 3)

    def job(self, network, images):
        """Ten epochs from nothing: (seconds, MB)."""
        cache = self.path("cold")
        program, _ = self.build(network)
        shutil.rmtree(cache, ignore_errors=True)
        _, seconds, memory = self.train(program, [
            "--train", self.images(images), "--test", self.images(images // TEST_SHARE),
            "--epochs", str(EPOCHS), "--cache", cache])
        shutil.rmtree(cache, ignore_errors=True)
        return seconds, memory

    def start(self, network):
        program, _ = self.build(network)
        return self.train(program, ["--train", self.images(BATCH), "--epochs", "1",
                                    "--cache", "off"])[1]

    def info(self, network):
        return machine.run([self.build(network)[0], "info"])[1]


class Peer:
    """A peer's script, which lives as long as a network is measured and answers line by line. It
    works in the folder, which goes away."""

    def __init__(self, python, script, folder):
        self.errors = open(os.path.join(folder, script + ".log"), "w+")
        self.process = subprocess.Popen([python, os.path.join(HERE, script)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, env=machine.ENVIRONMENT, cwd=folder,
                                        start_new_session=True)
        try:
            self.hello = self.read()
        except Failed:
            self.close()
            raise

    def read(self):
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.errors.seek(0)
        raise Failed(machine.last_line(self.errors.read()) or "it ended without a word")

    def measure(self, network, measure, system, seconds):
        request = {"network": network, "measure": measure, "system": system, "seconds": seconds}
        try:
            print(json.dumps(request), file=self.process.stdin, flush=True)
        except BrokenPipeError as error:
            raise Failed("it is gone") from error
        answer = self.read()
        if "error" in answer:
            raise Failed(answer["error"])
        return answer["values"]

    def prepare(self, network, measure, system):
        self.measure(network, measure, system, 0.0)

    def close(self):
        """Ends it with all that it started; it has nothing to save."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def keras_job(python, network, train, test, epochs):
    """Keras's fit as a program of its own: (seconds, MB)."""
    _, seconds, memory = machine.run([python, os.path.join(HERE, "peer_keras.py"), "job", network,
                                      train, test, str(epochs)])
    return seconds, memory


