# measures.py - the tables of the benchmark: networks, systems, measures with their targets.
from collections import namedtuple

EPOCHS = 10      # of the job
BATCH = 32       # of training, in every system
TEST_SHARE = 5   # one test image for so many training images
LEARNING_RATE = 1e-4

# title, spec in specs/, what --set gives it beyond random weights
Network = namedtuple("Network", "title spec sets")
NETWORKS = {
    "resnet50": Network("ResNet-50, 32 x 32", "cifar10-resnet50.graft.yaml", ()),
    "sliced": Network("ResNet-50 to conv3_block1_3_conv", "cifar10-resnet50-sliced.graft.yaml", ()),
    "inception": Network("InceptionV3, 32 x 32 upsampled to 128 x 128",
                         "cifar10-inception.graft.yaml", ()),
    "vgg16": Network("VGG16, 32 x 32", "cifar10-resnet50.graft.yaml", ("backbone.name=VGG16",)),
}

OURS = "graft"
SYSTEMS = {
    OURS: "Graft",
    "keras": "Keras",
    "torch": "PyTorch eager",
    "compile": "PyTorch compile",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
}
# script of a peer: the systems it measures
PEERS = {
    "peer_keras.py": ("keras",),
    "peer_torch.py": ("torch", "compile"),
    "peer_engines.py": ("onnxruntime", "openvino"),
}

# title, unit, systems beside ours, target of the ratio (best peer's value over ours) by network;
# None: measured, but nothing was promised
Measure = namedtuple("Measure", "title unit peers targets")
FRAMEWORKS = ("keras", "torch", "compile")
MEASURES = {
    "forward": Measure("Frozen forward, float32", "ms an image",
                       FRAMEWORKS + ("onnxruntime", "openvino"),
                       {"resnet50": 2.0, "sliced": 1.15, "inception": 1.4, "vgg16": None}),
    "bf16": Measure("Frozen forward, bfloat16", "ms an image", ("openvino",),
                    {"resnet50": 1.6, "sliced": 1.15, "inception": 1.1}),
    "head": Measure("Training step of the head, features kept", "ms a step", FRAMEWORKS,
                    {"resnet50": 2.5, "sliced": 3.0, "inception": 2.3}),
    "step": Measure("Whole training step, nothing kept", "ms a step", FRAMEWORKS,
                    {"resnet50": 3.0, "sliced": 3.0, "inception": 1.6}),
    "finetune": Measure("Training step, nothing frozen", "ms a step", FRAMEWORKS,
                        {"resnet50": None}),
    "job": Measure("The job: ten epochs, tested after each", "s", ("keras",),
                   {"resnet50": 10.0, "sliced": 4.0, "inception": 9.0}),
    "memory": Measure("Peak memory of the job", "MB", ("keras",),
                      {"resnet50": 3.0, "sliced": 3.0, "inception": 3.0}),
    "start": Measure("Program start: one training step of 32 images, start to end", "s", ("keras",),
                     {"resnet50": None, "sliced": None, "inception": None}),
    "build": Measure("Build without weights", "s", (), {"resnet50": None}),
    "info": Measure("The command info, start to end", "s", (), {"resnet50": None}),
}
# measured by asking every system in turn, round after round; the rest are whole processes
IN_ROUNDS = ("forward", "bf16", "head", "step", "finetune")

# The job against a pipeline made by hand: every image through the fastest engine once, then the
# fastest framework's head; composed of forward and head, not run.
EXPERT_TITLE = "The job against a hand-made pipeline"
EXPERT_TARGETS = {"resnet50": 2.0, "sliced": 2.0, "inception": 1.5}
# Not a ratio: at most so many seconds.
BUILD_TARGET = 2.0
