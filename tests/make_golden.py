"""Makes tests/golden with Keras: for each case of golden/cases.py a spec, a backbone file, start
weights as Keras's model.save writes them, and what Keras computes from them.

    python tests/make_golden.py [CASE...]      (Keras 3 on TensorFlow; only to renew the goldens)

weights.h5.gz start weights; the test unpacks them beside the spec
features.npy  what enters the head, inference mode, a row an image
probs.npy     the output, inference mode
losses.csv    loss and val_loss after each epoch of training on the case's pictures, in their order
tolerance     relative tolerance of losses.csv, where it is not the preset

Every case is computed in float32 and in float64. The golden is the float32 one; a case whose two
results differ by more than a tenth of the test's tolerance would test rounding and is refused.
"""
import csv
import fnmatch
import gzip
import os
import shutil
import sys
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from PIL import Image  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "golden")
sys.path.insert(0, GOLDEN)
from cases import CASES  # noqa: E402

warnings.filterwarnings("ignore", message=".*HDF5.*")
tf.get_logger().setLevel("ERROR")

# height, width, channels and how many pictures of each class
IMAGES = {
    "8x8": (8, 8, 3, {"ant": 4, "bee": 5, "cat": 3}),
    "8x8-grey": (8, 8, 1, {"ant": 5, "bee": 5}),
    "9x7": (9, 7, 3, {"ant": 5, "bee": 4, "cat": 4}),
    "16x12": (16, 12, 3, {"ant": 4, "bee": 4, "cat": 3}),
}
TRAINING = {"loss": "categorical_crossentropy", "optimizer": {"Adam": {"learning_rate": 0.005}},
            "batch_size": None, "validation_batch_size": 5, "epochs": 30, "shuffle": False}
TOLERANCE = {"features": 1e-3, "probs": 1e-3, "losses": 2e-3}


# ---------------------------------------------------------------------------- pictures

def picture(rng, height, width, channels, label):
    """Stripes whose direction depends on the class, a flat patch and noise; uint8."""
    y, x = np.mgrid[0:height, 0:width]
    angle = label * 1.1 + rng.uniform(-0.2, 0.2)
    along = x * np.cos(angle) + y * np.sin(angle)
    wave = np.sin(along * rng.uniform(0.8, 1.2) + rng.uniform(0, 6))
    base = rng.uniform(60, 190, channels) + wave[..., None] * rng.uniform(20, 60, channels)
    base = base + rng.normal(0, 12, (height, width, channels))
    top, left = rng.integers(0, height // 2), rng.integers(0, width // 2)
    base[top:top + 3, left:left + 3] = rng.uniform(0, 255, channels)
    return np.clip(np.round(base), 0, 255).astype("uint8")


def make_images(name):
    height, width, channels, classes = IMAGES[name]
    rng = np.random.default_rng(sum(map(ord, name)))
    for label, (word, count) in enumerate(classes.items()):
        folder = os.path.join(GOLDEN, "images", name, word)
        os.makedirs(folder, exist_ok=True)
        for i in range(count):
            pixels = picture(rng, height, width, channels, label)
            image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
            image.save(os.path.join(folder, f"{i}.png"), optimize=True)


def make_tie_images(name):
    """Pictures of the three values 0, 1 and 2, so that sums of them are often equal."""
    height, width, channels, classes = IMAGES[name]
    rng = np.random.default_rng(77)
    for word, count in classes.items():
        folder = os.path.join(GOLDEN, "images", name + "-ties", word)
        os.makedirs(folder, exist_ok=True)
        for i in range(count):
            pixels = rng.integers(0, 3, (height, width, channels)).astype("uint8")
            Image.fromarray(pixels).save(os.path.join(folder, f"{i}.png"), optimize=True)


def load_images(name):
    """Pixels as float32 and labels, classes and files in the order of their names."""
    root = os.path.join(GOLDEN, "images", name)
    pixels, labels = [], []
    for label, word in enumerate(sorted(os.listdir(root))):
        for file in sorted(os.listdir(os.path.join(root, word))):
            image = np.asarray(Image.open(os.path.join(root, word, file)), dtype="float32")
            pixels.append(image.reshape(image.shape[0], image.shape[1], -1))
            labels.append(label)
    return np.stack(pixels), np.array(labels)


def preprocess(pixels, mode):
    if mode == "rescale":
        return pixels / np.float32(255)
    if mode == "none":
        return pixels
    return keras.applications.imagenet_utils.preprocess_input(pixels.copy(), mode=mode)


# ------------------------------------------------------------------------------- model

def make_layer(entry):
    kind, arguments = entry[0], dict(entry[1])
    for key, value in arguments.items():
        if isinstance(value, list):
            arguments[key] = tuple(tuple(v) if isinstance(v, list) else v for v in value)
    return getattr(keras.layers, kind)(**arguments)


def build(case, shape, n_classes):
    """The whole model, the model of what enters the head, and its backbone's layers."""
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(3)
    x = keras.Input(shape)
    entry = x
    for layer in case.get("up", []):
        x = make_layer(layer)(x)
    made, backbone = {}, []
    for layer in case.get("net", []):
        new = make_layer(layer)
        sources = [made[s] for s in layer[2]] if len(layer) > 2 else [x]
        x = new(sources if len(sources) > 1 else sources[0])
        made[new.name] = x
        backbone.append(new)
    if "slice" in case:
        x = made[case["slice"]]
        kept = keras.Model(entry, x).layers
        backbone = [layer for layer in backbone if layer in kept]
    features = keras.Model(entry, x)
    for layer in case["head"]:
        x = make_layer(layer)(x)
    x = keras.layers.Dense(n_classes, activation="softmax")(x)
    return keras.Model(entry, x), features, backbone


def set_weights(model, ties):
    """Start weights: Keras's, away from zeros and ones where a mistake would not show."""
    rng = np.random.default_rng(11)
    for layer in model.layers:
        values = []
        for variable in layer.weights:
            shape, name = variable.shape, variable.name
            if name == "kernel" and ties and len(shape) == 4:
                values.append(rng.integers(-1, 2, shape))
            elif name == "kernel":
                values.append(rng.normal(0, np.sqrt(1.6 / np.prod(shape[:-1])), shape))
            elif name in ("gamma", "moving_variance"):
                values.append(rng.uniform(0.6, 1.4, shape))
            else:
                values.append(rng.normal(0, 0.0 if ties else 0.15, shape))
        layer.set_weights([np.asarray(v, "float32") for v in values])


def freeze(backbone, frozen):
    """The rules of `frozen`, in order, on the layers that have weights."""
    weighted = [layer for layer in backbone if layer.weights]
    names = [layer.name for layer in backbone]
    if isinstance(frozen, str):
        frozen = [{"freeze" if frozen == "all" else "unfreeze": "*"}]
    for rule in frozen:
        (kind, value), = rule.items()
        if kind in ("freeze", "unfreeze"):
            chosen = [layer for layer in weighted if fnmatch.fnmatchcase(layer.name, value)]
        elif kind == "freeze_until":
            chosen = backbone[:names.index(value) + 1]
        elif kind == "unfreeze_from":
            chosen = backbone[names.index(value):]
        else:
            chosen = weighted[-value:]
        for layer in chosen:
            layer.trainable = kind.startswith("unfreeze")


def optimizer(choice):
    (name, arguments), = choice.items()
    return getattr(keras.optimizers, name)(**arguments)


def run(case, training, weights, pixels, labels, n_classes, floatx):
    """features, probs, history; weights: values to start from, or None to make them."""
    keras.config.set_floatx(floatx)
    model, features, backbone = build(case, pixels.shape[1:], n_classes)
    if weights is None:
        set_weights(model, case.get("ties", False))
    else:
        model.set_weights(weights)
    start = model.get_weights()
    freeze(backbone, case.get("frozen", "none"))
    x = preprocess(pixels, case.get("pre", "rescale")).astype(floatx)
    results = {"features": features.predict(x, verbose=0), "probs": model.predict(x, verbose=0)}
    if training:
        sparse = training["loss"].startswith("sparse")
        y = labels if sparse else keras.utils.to_categorical(labels, n_classes)
        model.compile(optimizer=optimizer(training["optimizer"]), loss=training["loss"])
        history = [], []
        for _ in range(training["epochs"]):
            fit = model.fit(x, y, batch_size=training["batch_size"], shuffle=False, verbose=0)
            history[0].append(fit.history["loss"][0])
            history[1].append(model.evaluate(x, y, batch_size=training["batch_size"], verbose=0))
        results["losses"] = np.array(history).T
    keras.config.set_floatx("float32")
    return model, start, results


# --------------------------------------------------------------------------- YAML files

def flow(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and not all(c.isalnum() or c in "_./" for c in value):
        return '"' + value + '"'
    return str(value)


def layer_lines(layers):
    lines = []
    for entry in layers:
        arguments = dict(entry[1])
        if len(entry) > 2:
            arguments["from"] = entry[2]
        lines.append(f"  - {entry[0]}" + (f": {flow(arguments)}" if arguments else ""))
    return lines


def write_backbone(path, name, case):
    lines = [f"# The net of the golden case {name}; made by make_golden.py.",
             f"backbone: {name}", "min_size: [1, 1]", "layers:", *layer_lines(case["net"])]
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")


def write_spec(path, name, case, training, images, shape, n_classes):
    lines = [f"# Golden case {name}; made by make_golden.py.", "graft: 1", f"name: {name}",
             f"data: {{format: image_folder, train: ../images/{images}, test: ../images/{images}}}",
             f"input: {{shape: {list(shape)}, preprocessing: {case.get('pre', 'rescale')}}}"]
    if "up" in case:
        lines += ["upsampling:", *layer_lines(case["up"])]
    if "net" in case:
        lines += ["backbone:", "  name: ./backbone.yaml", "  weights: random"]
        if "slice" in case:
            lines.append(f"  slice: {case['slice']}")
        frozen = case.get("frozen", "none")
        if isinstance(frozen, str):
            lines.append(f"  frozen: {frozen}")
        else:
            lines += ["  frozen:"] + ["    - " + flow(rule) for rule in frozen]
    last = ("Dense", {"units": n_classes, "activation": "softmax"})
    lines += ["weights: weights.h5", "head:", *layer_lines([*case["head"], last]), "training:"]
    lines += [f"  {key}: {flow(value)}" for key, value in training.items()]
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")


# -------------------------------------------------------------------------------- cases

def noise(name, results, exact, tolerance):
    """Largest difference of the two results in units of the tolerance."""
    worst = 0.0
    for key in results:
        a, b = results[key].astype("float64"), exact[key].astype("float64")
        unit = np.abs(b) if key == "losses" else b.std()
        limit = tolerance if key == "losses" else TOLERANCE[key]
        worst = max(worst, float(np.max(np.abs(a - b) / unit)) / limit)
    if worst > 0.1:
        print(f"{name}: float32 and float64 differ by {worst:.2f} tolerances", file=sys.stderr)
    return worst


def pack(path):
    """HDF5 spends most of such a small file on tables: kept as .gz, the same bytes every time."""
    with open(path, "rb") as file, open(path + ".gz", "wb") as out:
        with gzip.GzipFile("", "wb", 9, out, mtime=0) as packed:
            packed.write(file.read())
    os.remove(path)


def make_case(name, case):
    images = case["images"] + ("-ties" if case.get("ties") else "")
    pixels, labels = load_images(images)
    n_classes = int(labels.max()) + 1
    overrides = case.get("training", {})
    training = {**TRAINING, **(overrides or {})}
    training["batch_size"] = training["batch_size"] or len(labels)
    fitted = training if overrides is not None else None
    model, start, results = run(case, fitted, None, pixels, labels, n_classes, "float32")
    _, _, exact = run(case, fitted, start, pixels, labels, n_classes, "float64")
    tolerance = case.get("tolerance", TOLERANCE["losses"])
    worst = noise(name, results, exact, tolerance)
    print(f"{name}: noise {worst:.4f} of the tolerance", end="")
    if fitted:
        print(f", loss {results['losses'][0, 0]:.4f} -> {results['losses'][-1, 0]:.4f}, "
              f"val_loss {results['losses'][-1, 1]:.4f}", end="")
    print(flush=True)

    folder = os.path.join(GOLDEN, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    fresh, _, _ = run(case, None, start, pixels, labels, n_classes, "float32")
    fresh.save(os.path.join(folder, "weights.h5"))
    pack(os.path.join(folder, "weights.h5"))
    np.save(os.path.join(folder, "features.npy"), results["features"])
    np.save(os.path.join(folder, "probs.npy"), results["probs"])
    if "net" in case:
        write_backbone(os.path.join(folder, "backbone.yaml"), name, case)
    write_spec(os.path.join(folder, "spec.graft.yaml"), name, case, training, images,
               pixels.shape[1:], n_classes)
    if fitted:
        with open(os.path.join(folder, "losses.csv"), "w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["epoch", "loss", "val_loss"])
            for epoch, (loss, val_loss) in enumerate(results["losses"]):
                writer.writerow([epoch + 1, f"{loss:.7g}", f"{val_loss:.7g}"])
    if "tolerance" in case:
        with open(os.path.join(folder, "tolerance"), "w") as file:
            file.write(f"{tolerance}\n")
    return worst <= 0.1


def main():
    chosen = sys.argv[1:] or list(CASES)
    if not sys.argv[1:]:
        shutil.rmtree(os.path.join(GOLDEN, "images"), ignore_errors=True)
    for name in IMAGES:
        make_images(name)
    make_tie_images("8x8")
    good = [make_case(name, CASES[name]) for name in chosen]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
