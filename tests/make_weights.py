"""Makes tests/weights/keras with Keras: the net of weights/net.yaml under the head of
weights/spec.graft.yaml, saved in all ways that Keras has, and what it computes.

    python tests/make_weights.py      (Keras 3 on TensorFlow; only to renew the files)

NAME.gz       a weight file; the test unpacks it and says by its name how to load it:
  backbone_*  the net alone
  whole_*     all, trained for a step so that the optimizer has a state; `nested` with the net as one
              layer, `flat` without, `wide` with so many layers beside that lists of names are split
  stem_*      the net's first layer alone, as a model of one layer in a model
features.npy  what enters the head, a row an image of weights/images.txt
probs.npy     the output
stem.npy      what the net's first layer gives
"""
import gzip
import os
import tempfile
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import keras  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, "weights", "keras")
L = keras.layers
warnings.filterwarnings("ignore")


def net(x):
    x = L.Conv2D(6, 3, padding="same", use_bias=False, name="stem")(x)
    x = L.BatchNormalization(name="stem_bn")(x)
    x = L.ReLU(name="stem_relu")(x)
    left = L.Conv2D(5, (3, 2), padding="same", name="left")(x)
    left = L.BatchNormalization(scale=False, name="left_bn")(left)
    right = L.Conv2D(5, 1, name="right")(x)
    return L.Add(name="sum")([left, right])


def head(x):
    x = L.Flatten(name="flat")(x)
    x = L.Dense(7, activation="relu", name="hidden")(x)
    x = L.Dropout(0.5, name="drop")(x)
    return L.Dense(3, activation="softmax", name="top")(x)


def wide(x):
    """Layers of no use whose names are too long for one list."""
    for i in range(66):
        x = L.Conv2D(1, 1, use_bias=False, name=f"beside_{i}_" + "n" * 980)(x)
    return x


def randomize(layers):
    """The same values for layers of the same name."""
    for layer in layers:
        if isinstance(layer, keras.Model):
            randomize(layer.layers)
            continue
        rng = np.random.default_rng(sum(map(ord, layer.name)))
        values = []
        for variable in layer.weights:
            if "seed" in variable.path:
                values.append(variable.numpy())
            elif variable.name == "kernel":
                scale = np.sqrt(1.6 / np.prod(variable.shape[:-1]))
                values.append(rng.normal(0, scale, variable.shape).astype("float32"))
            elif variable.name in ("gamma", "moving_variance"):
                values.append(rng.uniform(0.6, 1.4, variable.shape).astype("float32"))
            else:
                values.append(rng.normal(0, 0.15, variable.shape).astype("float32"))
        if values and not isinstance(layer, L.Dropout):
            layer.set_weights(values)


def trained(model):
    """Random weights and the state that a step leaves in the optimizer."""
    model.compile("adam", "categorical_crossentropy")
    shapes = [(4,) + tuple(output.shape[1:]) for output in model.outputs]
    y = [np.ones(shape, "float32") / shape[-1] for shape in shapes]
    model.fit(np.zeros((4, 8, 8, 3)), y if len(y) > 1 else y[0], verbose=0)
    randomize(model.layers)
    return model


def save(name, model, whole=True):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name)
        model.save(path) if whole else model.save_weights(path)
        with open(path, "rb") as source:
            data = gzip.compress(source.read(), 9, mtime=0)
    with open(os.path.join(OUT, name + ".gz"), "wb") as target:
        target.write(data)


def head_model(backbone):
    image = keras.Input(backbone.output.shape[1:])
    return keras.Model(image, head(image), name="head")


def main():
    os.makedirs(OUT, exist_ok=True)
    image = keras.Input((8, 8, 3))
    flat = trained(keras.Model(image, head(net(image))))
    save("whole_flat.h5", flat)
    save("whole_flat.weights.h5", flat, whole=False)

    backbone = keras.Model(image, net(image), name="backbone")
    randomize(backbone.layers)
    save("backbone_alone.h5", backbone)
    save("backbone_alone.weights.h5", backbone, whole=False)
    nested = trained(keras.Sequential([keras.Input((8, 8, 3)), backbone, head_model(backbone)]))
    save("whole_nested.h5", nested)
    save("whole_nested.weights.h5", nested, whole=False)

    save("whole_wide.h5", trained(keras.Model(image, [head(net(image)), wide(image)])))
    inner = keras.Model(image, [net(image), wide(image)], name="inner")
    both = inner(image)
    save("whole_wide_nested.h5", trained(keras.Model(image, [head(both[0]), both[1]])))

    stem = L.Conv2D(6, 3, padding="same", use_bias=False, name="stem")
    first = keras.Sequential([keras.Input((8, 8, 3)), stem], name="first")
    one = keras.Sequential([keras.Input((8, 8, 3)), first, L.Flatten()])
    randomize(one.layers)
    save("stem_alone.h5", one)

    with open(os.path.join(HERE, "weights", "images.txt")) as names:
        paths = [os.path.join(HERE, "golden", "images", name) for name in names.read().split()]
    pixels = np.stack([np.asarray(Image.open(path), "float32") for path in paths]) / np.float32(255)
    features = keras.Model(flat.inputs, flat.get_layer("sum").output)
    first = keras.Model(flat.inputs, flat.get_layer("stem").output)
    np.save(os.path.join(OUT, "features.npy"), features.predict(pixels, verbose=0))
    np.save(os.path.join(OUT, "stem.npy"), first.predict(pixels, verbose=0))
    np.save(os.path.join(OUT, "probs.npy"), flat.predict(pixels, verbose=0))


if __name__ == "__main__":
    main()
