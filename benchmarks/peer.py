# peer.py - what the peers' scripts share: requests on standard input, answers on standard output.
#
# A request is a JSON object on a line: network, measure, system, seconds. The first one of its kind
# prepares (builds, compiles, runs once); with seconds > 0 it is timed. The answer is an object on a
# line: {"values": {setting: milliseconds a unit}} or {"error": text}. Before the first request the
# script says what it has: {"versions": {name: text}, "systems": [...], "missing": {system: why}}.
import json
import os
import sys
import time


def answers():
    """Standard output for answers alone; what libraries print goes to standard error."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return out


def milliseconds(run, seconds):
    """Mean time of a unit; run does a few and says how many."""
    run()
    units = 0
    start = time.perf_counter()
    while True:
        units += run()
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            return elapsed / units * 1e3


def serve(out, hello, prepare):
    """prepare(network, measure, system) returns {setting: run}."""
    prepared = {}
    print(json.dumps(hello), file=out, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        key = request["network"], request["measure"], request["system"]
        try:
            if key not in prepared:
                prepared[key] = prepare(*key)
                for run in prepared[key].values():
                    run()
            values = {}
            if request["seconds"] > 0:
                for setting, run in prepared[key].items():
                    values[setting] = milliseconds(run, request["seconds"])
            answer = {"values": values}
        except Exception as error:  # a system that fails is left out, the others go on
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), file=out, flush=True)
