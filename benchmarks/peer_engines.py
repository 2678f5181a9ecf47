# peer_engines.py - ONNX Runtime and OpenVINO: forward, by requests (peer.py); nets of PyTorch.
import importlib
import os
import threading

import torch

import peer
import torch_nets

CORES = len(os.sched_getaffinity(0))
IMAGES = 512  # between two looks at the clock

exported = {}  # (network, batch): an ONNX file


def onnx_file(network, batch):
    """A file in the working folder."""
    key = network, batch
    if key not in exported:
        exported[key] = f"{network}-{batch}.onnx"
        net = torch_nets.Backbone(network).eval()
        torch.onnx.export(net, (torch.rand(batch, 3, 32, 32),), exported[key], dynamo=False)
    return exported[key]


def ort_session(path, threads):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session, session.get_inputs()[0].name


def ort_one(path, images, calls):
    """One call after the other, each on all cores."""
    session, name = ort_session(path, CORES)

    def run():
        for _ in range(calls):
            session.run(None, {name: images})
        return calls * len(images)

    return run


def ort_many(path, images, calls):
    """As many calls at once as there are cores, each on one."""
    session, name = ort_session(path, 1)
    share = max(1, calls // CORES)

    def caller():
        for _ in range(share):
            session.run(None, {name: images})

    def run():
        callers = [threading.Thread(target=caller) for _ in range(CORES)]
        for thread in callers:
            thread.start()
        for thread in callers:
            thread.join()
        return CORES * share * len(images)

    return run


def openvino_run(path, images, calls, precision, how):
    """how: further properties of the device; requests as it wants them in flight."""
    import openvino
    properties = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": CORES, **how}
    model = openvino.Core().compile_model(path, "CPU", properties)
    queue = openvino.AsyncInferQueue(model)
    calls = max(calls, len(queue))

    def run():
        for _ in range(calls):
            queue.start_async([images])
        queue.wait_all()
        return calls * len(images)

    return run


def prepare(network, measure, system):
    settings = {}
    for batch in (32, 256):
        path = onnx_file(network, batch)
        images = torch.rand(batch, 3, 32, 32).numpy()
        calls = IMAGES // batch
        if system == "onnxruntime":
            settings[f"batch {batch}, 1 x {CORES} threads"] = ort_one(path, images, calls)
            settings[f"batch {batch}, {CORES} x 1 thread"] = ort_many(path, images, calls)
            continue
        precision = "bf16" if measure == "bf16" else "f32"
        for name, how in (("latency", {"PERFORMANCE_HINT": "LATENCY"}),
                          ("throughput", {"PERFORMANCE_HINT": "THROUGHPUT"}),
                          (f"{CORES} streams", {"NUM_STREAMS": CORES})):
            settings[f"batch {batch}, {name}"] = openvino_run(path, images, calls, precision, how)
    return settings


def main():
    versions, missing = {}, {}
    importlib.import_module("onnx")  # PyTorch needs it to write the files
    for system, title in (("onnxruntime", "ONNX Runtime"), ("openvino", "OpenVINO")):
        try:
            versions[title] = importlib.import_module(system).__version__
        except ImportError as error:
            missing[system] = str(error)
    systems = [s for s in ("onnxruntime", "openvino") if s not in missing]
    hello = {"versions": versions, "systems": systems, "missing": missing}
    peer.serve(peer.answers(), hello, prepare)


if __name__ == "__main__":
    main()
