#!/usr/bin/env python3
"""Writes tests/backbones/NAME.txt from Keras: what the embedded backbones have to be.

A line a layer in the order of model.layers: name, class, output shape without the batch, parameters;
then a line with the sum, and for each slice in SLICES a file NAME-LAYER.txt. Usage: make_backbones.py
(needs keras; run by hand when a backbone is added).
"""

import os
import pathlib

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras  # noqa: E402

# Backbone -> (height, width) and layers to slice at.
BACKBONES = {
    "ResNet50": ((32, 32), ["conv3_block1_3_conv", "conv4_block6_out"]),
    "InceptionV3": ((128, 112), ["mixed5", "activation_81"]),
    "VGG16": ((48, 64), ["block3_conv3"]),
}


def lines(model):
    for layer in model.layers:
        shape = layer.output.shape[1:]
        yield " ".join([layer.name, type(layer).__name__, "x".join(map(str, shape)),
                        str(layer.count_params())])
    yield f"total {model.count_params()}"


def main():
    folder = pathlib.Path(__file__).parent / "backbones"
    folder.mkdir(exist_ok=True)
    for name, (size, slices) in BACKBONES.items():
        keras.backend.clear_session()
        make = getattr(keras.applications, name)
        model = make(include_top=False, weights=None, input_shape=(*size, 3))
        (folder / f"{name}.txt").write_text("\n".join(lines(model)) + "\n")
        for layer in slices:
            part = keras.Model(model.input, model.get_layer(layer).output)
            (folder / f"{name}-{layer}.txt").write_text("\n".join(lines(part)) + "\n")


if __name__ == "__main__":
    main()
