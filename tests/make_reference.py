"""Makes tests/reference with Keras: what real networks with real weights compute on real images.

    python tests/make_reference.py DATA IMAGES     (Keras 3 on TensorFlow; only to renew them)

DATA is the folder of the weight files, IMAGES of the unpacked image folder (train/, test/).
NAME.npy        activations of a layer, inference mode, a row an image of files.txt; every STRIDE-th
                column, STRIDE as in FEATURES below and in tests/long/reference.tap
files.txt       the test images of the features, in order
train.txt       label and file of the training images, in order
steps_*.csv     30 epochs of the first 32 training images: a line an Adam step
epochs_*.csv    3 epochs of 320 training images in batches of 32
The specs beside them say the rest. The head starts from the formula of head_weights(), which
tests/reference_inputs.c computes as well: its values would be 34 MB.
Everything is computed in float64 too; the difference is printed, in units of the test's tolerance.
"""
import csv
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import h5py  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from PIL import Image  # noqa: E402

tf.get_logger().setLevel("ERROR")
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "reference")
TEST_FILES = ["airplane/0003.jpg", "cat/0001.jpg", "dog/0007.jpg", "frog/0002.jpg",
              "ship/0005.jpg", "truck/0009.jpg"]
# name: network, last layer, preprocessing, stride of the columns that are kept
FEATURES = {
    "resnet50_conv3_block1_3_conv": ("ResNet50", "conv3_block1_3_conv", "rescale", 3),
    "resnet50_conv4_block6_out": ("ResNet50", "conv4_block6_out", "rescale", 1),
    "resnet50_conv3_block4_out_caffe": ("ResNet50", "conv3_block4_out", "caffe", 3),
    "inception_v3_mixed5": ("InceptionV3", "mixed5", "rescale", 7),
    "inception_v3_mixed10": ("InceptionV3", "mixed10", "rescale", 3),
}
UNITS = [1024, 512, 10]
BATCH, IMAGES, EPOCHS, LEARNING_RATE = 32, 320, 3, 1e-4


# ----------------------------------------------------------------------------- weights

def resnet_name(layer):
    """Today's layer name -> the name of 2016."""
    if layer in ("conv1_conv", "conv1_bn"):
        return {"conv1_conv": "conv1", "conv1_bn": "bn_conv1"}[layer]
    stage, block, branch, kind = layer.split("_")
    prefix = {"conv": "res", "bn": "bn"}[kind]
    letter = "abcdef"[int(block[5:]) - 1]
    branches = {"0": "1", "1": "2a", "2": "2b", "3": "2c"}
    return f"{prefix}{stage[4:]}{letter}_branch{branches[branch]}"


def load_resnet(model, path):
    """Layers that the file lacks keep their random start."""
    with h5py.File(path) as file:
        for layer in model.layers:
            if not layer.weights or resnet_name(layer.name) not in file:
                continue
            name = resnet_name(layer.name)
            kinds = (["W", "b"] if "conv" == layer.name.split("_")[-1]
                     else ["gamma", "beta", "running_mean", "running_std"])
            layer.set_weights([file[name][f"{name}_{kind}_1:0"][()] for kind in kinds])


def load_inception(model, path):
    """By Keras's counters: those of the file start at 1, those of a fresh session with none."""
    with h5py.File(path) as file:
        for layer in model.layers:
            if not layer.weights:
                continue
            base, _, count = layer.name.rpartition("_")
            if not count.isdigit():
                base, count = layer.name, "0"
            group = file[f"{base}_{int(count) + 1}"]
            names = [n.decode() if isinstance(n, bytes) else n for n in group.attrs["weight_names"]]
            layer.set_weights([group[n][()] for n in names])


def backbone(network, last, data):
    """Model of the images up to a layer, upsampled to 128 x 128 for InceptionV3."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    entry = keras.Input((32, 32, 3))
    if network == "ResNet50":
        whole = keras.applications.ResNet50(include_top=False, weights=None, input_tensor=entry)
        load_resnet(whole, os.path.join(data, "resnet50_v1_caffe_partial_notop.h5"))
    else:
        x = keras.layers.UpSampling2D(2)(keras.layers.UpSampling2D(2)(entry))
        whole = keras.applications.InceptionV3(include_top=False, weights=None, input_tensor=x)
        load_inception(whole, os.path.join(data, "inception_v3_keras2_notop.h5"))
    return keras.Model(whole.input, whole.get_layer(last).output)


def hash32(x):
    """A 32-bit mixer on an array of uint32 (C. Wellons, "lowbias32")."""
    x = x ^ (x >> np.uint32(16))
    x = x * np.uint32(0x7FEB352D)
    x = x ^ (x >> np.uint32(15))
    x = x * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def head_weights(layer, rows, cols):
    """Kernel of the layer-th Dense: glorot_uniform's range, drawn by hash32, exact in float32."""
    index = np.arange(rows * cols, dtype=np.uint32) + np.uint32(layer * 0x01000000)
    unit = (hash32(index) >> np.uint32(8)).astype("float64") / 2.0**23 - 1
    limit = np.float32(np.sqrt(6.0 / (rows + cols)))
    return (unit.astype("float32") * limit).reshape(rows, cols)


# ------------------------------------------------------------------------------ images

def load_images(root, files, mode):
    pixels = np.stack([np.asarray(Image.open(os.path.join(root, f)).convert("RGB"), "float32")
                       for f in files])
    if mode == "rescale":
        return pixels / np.float32(255)
    return keras.applications.imagenet_utils.preprocess_input(pixels, mode=mode)


def write_lines(name, lines):
    with open(os.path.join(OUT, name), "w") as file:
        file.write("\n".join(lines) + "\n")


# ---------------------------------------------------------------------------- features

def make_features(name, data, images):
    network, last, mode, stride = FEATURES[name]
    results = []
    for floatx in ("float32", "float64"):
        keras.config.set_floatx(floatx)
        model = backbone(network, last, data)
        x = load_images(os.path.join(images, "test"), TEST_FILES, mode).astype(floatx)
        results.append(model.predict(x, verbose=0).reshape(len(x), -1)[:, ::stride])
    keras.config.set_floatx("float32")
    worst = np.max(np.abs(results[0] - results[1])) / results[1].std()
    print(f"{name}: {results[0].shape}, deviation {results[0].std():.4g}, "
          f"noise {worst / 2e-3:.4f} of the tolerance", flush=True)
    np.save(os.path.join(OUT, name + ".npy"), np.ascontiguousarray(results[0]))


# ---------------------------------------------------------------------------- training

def training_files(images):
    """label, file: the k-th of every class, then the next of every class, ..."""
    classes = sorted(os.listdir(os.path.join(images, "train")))
    return [(label, f"{word}/{k:04d}.jpg")
            for k in range(IMAGES // len(classes)) for label, word in enumerate(classes)]


def training_model(data, unfrozen):
    body = backbone("ResNet50", "conv3_block4_out", data)
    for layer in body.layers:
        layer.trainable = unfrozen and layer.name.startswith("conv3_block4_")
    x = keras.layers.Flatten()(body.output)
    for i, units in enumerate(UNITS):
        dense = keras.layers.Dense(units, "relu" if i < len(UNITS) - 1 else "softmax")
        rows = x.shape[-1]
        x = dense(x)
        dense.set_weights([head_weights(i, rows, units), np.zeros(units, "float32")])
    model = keras.Model(body.input, x)
    model.compile(keras.optimizers.Adam(LEARNING_RATE), "categorical_crossentropy")
    return model


def make_training(data, images, unfrozen, tolerance):
    word = "unfrozen" if unfrozen else "frozen"
    files = training_files(images)
    for name, n, epochs in (("steps", BATCH, EPOCHS * IMAGES // BATCH), ("epochs", IMAGES, EPOCHS)):
        losses = []
        for floatx in ("float32", "float64"):
            keras.config.set_floatx(floatx)
            x = load_images(os.path.join(images, "train"), [f for _, f in files[:n]], "caffe")
            y = keras.utils.to_categorical([label for label, _ in files[:n]], UNITS[-1])
            model = training_model(data, unfrozen)
            history = model.fit(x.astype(floatx), y, batch_size=BATCH, epochs=epochs, shuffle=False,
                                verbose=0)
            losses.append(np.array(history.history["loss"]))
        keras.config.set_floatx("float32")
        worst = np.max(np.abs(losses[0] - losses[1]) / losses[1])
        print(f"{name}_{word}: noise {worst / tolerance:.4f} of the tolerance, losses",
              " ".join(f"{v:.4g}" for v in losses[0]), flush=True)
        with open(os.path.join(OUT, f"{name}_{word}.csv"), "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["epoch", "loss"])
            writer.writerows([i + 1, f"{v:.7g}"] for i, v in enumerate(losses[0]))


def main():
    data, images = sys.argv[1:3]
    os.makedirs(OUT, exist_ok=True)
    write_lines("files.txt", TEST_FILES)
    write_lines("train.txt", [f"{label} {file}" for label, file in training_files(images)])
    for name in FEATURES:
        make_features(name, data, images)
    make_training(data, images, False, 2e-3)
    make_training(data, images, True, 2e-2)


if __name__ == "__main__":
    main()
