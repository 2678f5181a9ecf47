# peer_keras.py - Keras on TensorFlow: forward, head, step, finetune by requests (peer.py); the job
# as a program of its own:  peer_keras.py job NETWORK TRAIN.bin TEST.bin|- EPOCHS
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np
import tensorflow
from keras import layers

import peer
from measures import BATCH, LEARNING_RATE

STEPS = 16      # in one call of fit
IMAGES = 512    # in one call of predict


def head(x, network):
    """The head of the specs."""
    x = layers.Flatten()(x)
    x = layers.Dense(1024, activation="relu")(x)
    x = layers.Dense(512, activation="relu")(x)
    if network == "inception":
        x = layers.Dropout(0.3)(x)
        x = layers.Dense(128, activation="relu")(x)
    return layers.Dense(10, activation="softmax")(x)


def backbone(network):
    """From images of 32 x 32 to what enters the head."""
    make = {"inception": keras.applications.InceptionV3, "vgg16": keras.applications.VGG16}
    make = make.get(network, keras.applications.ResNet50)
    side = 128 if network == "inception" else 32
    net = make(include_top=False, weights=None, input_shape=(side, side, 3))
    if network == "sliced":
        return keras.Model(net.input, net.get_layer("conv3_block1_3_conv").output)
    if network == "inception":
        image = keras.Input((32, 32, 3))
        x = layers.UpSampling2D(2)(image)
        x = layers.UpSampling2D(2)(x)
        return keras.Model(image, net(x))
    return net


def trained(inputs, outputs):
    model = keras.Model(inputs, outputs)
    model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE),
                  loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def whole(network, frozen):
    net = backbone(network)
    net.trainable = not frozen
    return trained(net.input, head(net.output, network))


def random_labels(n):
    return keras.utils.to_categorical(np.random.randint(0, 10, n), 10)


def fitting(model, shape):
    x = np.random.rand(STEPS * BATCH, *shape).astype("float32")
    y = random_labels(len(x))

    def run():
        model.fit(x, y, batch_size=BATCH, verbose=0)
        return STEPS

    return {"": run}


def predicting(net):
    x = np.random.rand(IMAGES, 32, 32, 3).astype("float32")

    def at(batch):
        def run():
            net.predict(x, batch_size=batch, verbose=0)
            return IMAGES
        return run

    return {f"batch {batch}": at(batch) for batch in (32, 256)}


def prepare(network, measure, system):
    if measure == "forward":
        return predicting(backbone(network))
    if measure == "head":
        features = keras.Input(backbone(network).output_shape[1:])
        return fitting(trained(features, head(features, network)), features.shape[1:])
    return fitting(whole(network, frozen=measure == "step"), (32, 32, 3))


def read_batch(path):
    """CIFAR-10's binary records as pixels / 255, channels last, and labels."""
    records = np.fromfile(path, "uint8").reshape(-1, 1 + 3 * 32 * 32)
    pixels = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return pixels.astype("float32") / 255, keras.utils.to_categorical(records[:, 0], 10)


def job(network, train, test, epochs):
    x, y = read_batch(train)
    whole(network, frozen=True).fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0,
                                    validation_data=None if test == "-" else read_batch(test))


if __name__ == "__main__":
    if sys.argv[1:2] == ["job"]:
        job(*sys.argv[2:5], int(sys.argv[5]))
    else:
        versions = {"Keras": keras.__version__, "TensorFlow": tensorflow.__version__}
        hello = {"versions": versions, "systems": ["keras"], "missing": {}}
        peer.serve(peer.answers(), hello, prepare)
