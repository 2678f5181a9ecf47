"""The golden cases: small nets that together use every layer kind and every argument.

A case is a dictionary:
  images   size of its pictures, a key of IMAGES in make_golden.py
  pre      input.preprocessing
  up       layers of `upsampling:`
  net      layers of the backbone; none: the head stands on the images
  slice    last layer kept
  frozen   `all`, `none` (preset) or a list of rules
  head     layers of the head before the last Dense(classes, softmax)
  training keys of `training:` that differ from TRAINING in make_golden.py; None: never trained
  tolerance of the losses, relative (preset 2e-3); for nets whose own rounding grows while training
A layer is (class name, arguments) or (class name, arguments, [names of its inputs]).
"""

GAP = ("GlobalAveragePooling2D", {})
FLATTEN = ("Flatten", {})
# A gentler rate for nets in which rounding grows: biases before a normalisation, small batches.
SLOW = {"optimizer": {"Adam": {"learning_rate": 0.002}}}


def conv(name, filters, kernel, padding="valid", **more):
    sources = more.pop("of", None)
    arguments = {"name": name, "filters": filters, "kernel_size": kernel, "padding": padding}
    arguments.update(more)
    return ("Conv2D", arguments, [sources]) if sources else ("Conv2D", arguments)


def relu(name):
    return ("Activation", {"name": name, "activation": "relu"})


def norm(name, **more):
    return ("BatchNormalization", {"name": name, **more})


def bottleneck(block, filters, stride, source, shortcut):
    """A block of ResNet-50 in small, with Keras's names and biases before the normalisation."""
    layers = []
    if shortcut:
        layers += [conv(block + "_0_conv", 4 * filters, 1, strides=stride, of=source),
                   norm(block + "_0_bn", epsilon=1.001e-5)]
    layers += [conv(block + "_1_conv", filters, 1, strides=stride, of=source),
               norm(block + "_1_bn", epsilon=1.001e-5), relu(block + "_1_relu"),
               conv(block + "_2_conv", filters, 3, "same"),
               norm(block + "_2_bn", epsilon=1.001e-5), relu(block + "_2_relu"),
               conv(block + "_3_conv", 4 * filters, 1), norm(block + "_3_bn", epsilon=1.001e-5),
               ("Add", {"name": block + "_add"},
                [block + "_0_bn" if shortcut else source, block + "_3_bn"]),
               relu(block + "_out")]
    return layers


RESNET = [("ZeroPadding2D", {"name": "conv1_pad", "padding": 3}),
          conv("conv1_conv", 6, 7, strides=2), norm("conv1_bn", epsilon=1.001e-5),
          relu("conv1_relu"), ("ZeroPadding2D", {"name": "pool1_pad", "padding": 1}),
          ("MaxPooling2D", {"name": "pool1_pool", "pool_size": 3, "strides": 2}),
          *bottleneck("conv2_block1", 4, 1, "pool1_pool", True),
          *bottleneck("conv2_block2", 4, 1, "conv2_block1_out", False),
          *bottleneck("conv3_block1", 5, 2, "conv2_block2_out", True)]


def conv_bn(name, filters, kernel, padding="same", **more):
    """A unit of InceptionV3: no bias, no gamma."""
    return [conv(name, filters, kernel, padding, use_bias=False, **more),
            norm(name + "_bn", scale=False), relu(name + "_relu")]


INCEPTION = [*conv_bn("stem", 8, 3, "valid", strides=1),
             *conv_bn("b0", 6, 1, of="stem_relu"),
             *conv_bn("b1a", 5, 1, of="stem_relu"), *conv_bn("b1b", 7, [1, 7]),
             *conv_bn("b1c", 9, [7, 1]),
             ("AveragePooling2D", {"name": "pool", "pool_size": 3, "strides": 1, "padding": "same"},
              ["stem_relu"]),
             *conv_bn("b2", 10, 1),
             ("Concatenate", {"name": "mixed0"}, ["b0_relu", "b1c_relu", "b2_relu"]),
             *conv_bn("r0", 11, 3, "valid", strides=2, of="mixed0"),
             ("MaxPooling2D", {"name": "r1", "pool_size": 3, "strides": 2}, ["mixed0"]),
             ("Concatenate", {"name": "mixed1"}, ["r0_relu", "r1"])]

CASES = {
    "conv_valid": {
        "images": "9x7", "net": [
            conv("a", 5, 3, activation="relu"),
            conv("b", 20, 2, activation="sigmoid"),
            conv("c", 36, 1, activation="tanh"),
            conv("d", 3, [3, 2], use_bias=False)],
        "head": [FLATTEN]},
    "conv_same": {
        # slow: at a higher rate one unit of relu stands on its kink and decides the later losses
        "training": {"optimizer": {"Adam": {"learning_rate": 0.001}}},
        "images": "9x7", "net": [
            conv("a", 5, 3, "same", activation="relu"),
            conv("b", 20, [4, 2], "same", activation="tanh"),
            conv("c", 9, 5, "same", use_bias=False),
            relu("c_relu"),
            conv("d", 6, [1, 3], "same", activation="linear")],
        "head": [FLATTEN]},
    "conv_strides": {
        "images": "16x12", "net": [
            conv("a", 5, 3, "same", strides=2, activation="relu"),
            conv("b", 7, 3, "same", strides=[1, 2], activation="relu"),
            conv("c", 8, [2, 3], strides=[3, 1], activation="relu"),
            conv("d", 6, 1, strides=2, activation="relu")],
        "head": [FLATTEN]},
    "conv_wide_window": {
        "images": "16x12", "net": [
            conv("a", 4, 7, strides=2, activation="relu"),
            conv("b", 6, 6, "same", strides=3, activation="relu"),
            conv("c", 17, [5, 4], "same", activation="relu")],
        "head": [GAP]},
    "conv_winograd": {
        # frozen windows of 3 x 3: no whole number of tiles, channels that fill no vector, a sum
        "images": "9x7", "net": [
            conv("a", 20, 3, "same", activation="relu"),
            *conv_bn("b", 24, 3),
            conv("c", 24, 3, "same"), norm("c_bn"),
            ("Add", {"name": "sum"}, ["b_relu", "c_bn"]), relu("sum_relu"),
            conv("d", 33, 3, "valid", activation="tanh")],
        "frozen": "all", "head": [GAP]},
    "conv_strassen": {
        # frozen windows of 1 x 1 wide enough for seven products instead of eight, one with a stride
        "images": "16x12", "net": [
            conv("a", 96, 3, "same", activation="tanh"),
            conv("b", 96, 1), norm("b_bn"),
            ("Activation", {"name": "b_tanh", "activation": "tanh"}),
            conv("c", 96, 1), norm("c_bn"),
            ("Add", {"name": "sum"}, ["b_tanh", "c_bn"]),
            conv("d", 128, 1, strides=2, activation="tanh")],
        "frozen": "all", "head": [GAP]},
    "conv_winograd_strides": {
        # a frozen window of 7 x 7 with stride 2 is one of 4 x 4 over blocks of pixels
        "images": "16x12", "net": [
            conv("a", 7, 3, "same", activation="relu"),
            ("ZeroPadding2D", {"name": "pad", "padding": 3}),
            conv("b", 40, 7, strides=2, use_bias=False), norm("b_bn"), relu("b_relu")],
        "frozen": "all", "head": [GAP]},
    "conv_winograd_one_stride": {
        # the same along one axis, behind a 3 x 3 with a stride of 2, which has its own form
        "images": "16x12", "net": [
            conv("a", 20, 3, "same", activation="relu"),
            conv("b", 24, 3, "same", strides=[1, 2], activation="relu"),
            conv("c", 24, [7, 3], "same", strides=[2, 1], activation="relu")],
        "frozen": "all", "head": [GAP]},
    "conv_live_pixels": {
        # frozen windows of 1 x 1 whose strides leave out pixels: of what a residual sum gives, one
        # behind another, of a window of 3 x 3, and of what has padding behind it
        "images": "16x12", "net": [
            conv("a", 8, 3, "same", activation="relu"),
            conv("b", 9, 3, "same", activation="relu"),
            conv("c", 8, 1), norm("c_bn"),
            ("Add", {"name": "sum"}, ["a", "c_bn"]), relu("sum_relu"),
            conv("d", 10, 1, strides=[2, 1], activation="tanh", of="sum_relu"),
            conv("e", 12, 1, strides=2, activation="tanh", of="sum_relu"),
            conv("f", 12, 1, strides=[1, 2], of="d"), norm("f_bn"),
            ("Add", {"name": "more"}, ["e", "f_bn"]), relu("more_relu"),
            conv("g", 7, 3, "same", activation="tanh"),
            conv("h", 16, 1, strides=3, activation="tanh"),
            ("ZeroPadding2D", {"name": "pad", "padding": [[0, 2], [0, 3]]}),
            conv("i", 12, 1, strides=2, activation="tanh")],
        "frozen": "all", "head": [GAP]},
    "conv_dead_taps": {
        "images": "8x8", "net": [
            conv("a", 20, 3, "same", strides=4, activation="relu"),
            conv("b", 33, 3, "same", strides=2, activation="relu"),
            conv("c", 18, 3, "same", use_bias=False), relu("c_relu"),
            conv("d", 12, 2, "same", activation="relu")],
        "head": [FLATTEN]},
    "conv_softmax": {
        "images": "8x8", "net": [
            conv("a", 6, 3, strides=2, activation="softmax"),
            conv("b", 17, 2, activation="softmax")],
        "head": [FLATTEN], "training": {"optimizer": {"Adam": {"learning_rate": 0.01}}}},
    "activations": {
        "images": "8x8", "net": [
            conv("a", 7, 3),
            ("Activation", {"name": "t", "activation": "tanh"}),
            conv("b", 6, 3), ("Activation", {"name": "s", "activation": "sigmoid"}),
            conv("c", 9, 1), ("Activation", {"name": "l", "activation": "linear"}),
            ("Activation", {"name": "r", "activation": "relu"}),
            conv("d", 5, 2), ("Activation", {"name": "m", "activation": "softmax"})],
        "head": [FLATTEN, ("Dense", {"units": 6}), ("Activation", {"activation": "tanh"})]},
    "relu": {
        "images": "8x8", "net": [
            conv("a", 6, 3),
            ("ReLU", {"name": "leaky", "negative_slope": 0.2}),
            conv("b", 7, 2), ("ReLU", {"name": "six", "max_value": 0.8}),
            conv("c", 8, 2), ("ReLU", {"name": "both", "max_value": 1.0, "negative_slope": 0.1}),
            conv("d", 5, 1), ("ReLU", {"name": "plain"})],
        "head": [FLATTEN]},
    "batchnorm_train": {
        "images": "9x7", "net": [
            conv("a", 6, 3, "same", use_bias=False), norm("a_bn"), relu("a_relu"),
            conv("b", 5, 2, use_bias=False), norm("b_bn", scale=False), relu("b_relu"),
            conv("c", 18, 1, use_bias=False), norm("c_bn", center=False, momentum=0.9),
            relu("c_relu"),
            conv("d", 4, 3, activation="relu"),
            norm("d_bn", scale=False, center=False, epsilon=0.01, momentum=0.5)],
        "head": [FLATTEN]},
    "batchnorm_frozen": {
        "images": "9x7", "frozen": "all", "net": [
            norm("first"),
            conv("a", 6, 3, "same", use_bias=False), norm("a_bn"), relu("a_relu"),
            conv("b", 5, 2), norm("b_bn", scale=False), relu("b_relu"),
            ("AveragePooling2D", {"name": "pool", "pool_size": 2}),
            norm("pool_bn", center=False, epsilon=1e-5),
            conv("c", 18, 1, activation="relu"), norm("c_bn", scale=False, center=False)],
        "head": [FLATTEN, ("Dense", {"units": 11, "activation": "relu"})]},
    "batchnorm_head": {
        "images": "8x8", "frozen": "all", "net": [conv("a", 6, 3, strides=2, activation="relu")],
        "head": [FLATTEN, ("BatchNormalization", {}), ("Dense", {"units": 9, "use_bias": False}),
                 ("BatchNormalization", {"momentum": 0.9}),
                 ("Activation", {"activation": "relu"})]},
    "batchnorm_part": {
        "images": "9x7",
        "frozen": [{"unfreeze": "*"}, {"freeze": "*_bn"}, {"unfreeze": "c_*"}, {"freeze": "a"}],
        "net": [
            conv("a", 6, 3, "same", activation="relu"), norm("a_bn"),
            conv("b", 7, 2, activation="relu"), norm("b_bn"),
            conv("c", 8, 2, activation="tanh"), norm("c_bn")],
        "head": [FLATTEN], "training": SLOW},
    "batchnorm_partial_batch": {
        "images": "9x7", "net": [
            conv("a", 6, 3, "same", use_bias=False), norm("a_bn", momentum=0.8), relu("a_relu"),
            conv("b", 7, 3, strides=2, use_bias=False), norm("b_bn", momentum=0.8),
            relu("b_relu")],
        "head": [FLATTEN], "training": {"batch_size": 5, "epochs": 10}},
    "partial_batch": {
        "images": "9x7", "net": [
            conv("a", 6, 3, "same", activation="relu"),
            ("MaxPooling2D", {"name": "p"}), conv("b", 7, 2, activation="relu")],
        "head": [FLATTEN, ("Dense", {"units": 10, "activation": "relu"})],
        "training": {"batch_size": 4, "validation_batch_size": 6, "epochs": 8}},
    "batch_of_one": {
        "images": "8x8", "frozen": "all", "net": [
            conv("a", 6, 3, "same", activation="relu"), conv("b", 9, 3, strides=2)],
        "head": [FLATTEN, ("Dense", {"units": 17, "activation": "relu"})],
        "training": {"batch_size": 1, "validation_batch_size": 1, "epochs": 3}},
    "zeropad": {
        # slow: at a higher rate one unit of relu stands on its kink and decides the later losses
        "training": {"optimizer": {"Adam": {"learning_rate": 0.001}}},
        "images": "9x7", "net": [
            ("ZeroPadding2D", {"name": "p0", "padding": [[1, 0], [2, 3]]}),
            conv("a", 5, 3, strides=2, activation="tanh"),
            ("ZeroPadding2D", {"name": "p1", "padding": [0, 1]}),
            ("MaxPooling2D", {"name": "m", "pool_size": 2, "strides": 1}),
            ("ZeroPadding2D", {"name": "p2"}),
            conv("b", 6, 2, "same", activation="relu"),
            ("ZeroPadding2D", {"name": "p3", "padding": [[0, 2], [1, 0]]})],
        "head": [FLATTEN]},
    "maxpool": {
        "images": "16x12", "net": [
            conv("a", 5, 3, "same", activation="tanh"),
            ("MaxPooling2D", {"name": "over", "pool_size": 3, "strides": 2}),
            conv("b", 6, 1), ("MaxPooling2D", {"name": "same", "pool_size": 3, "strides": 1,
                                               "padding": "same"}),
            conv("c", 17, 1), ("MaxPooling2D", {"name": "wide", "pool_size": [2, 3],
                                                "padding": "same"}),
            conv("d", 6, 1), ("MaxPooling2D", {"name": "plain"})],
        "head": [FLATTEN]},
    "avgpool": {
        "images": "16x12", "net": [
            conv("a", 5, 3, "same", activation="relu"),
            ("AveragePooling2D", {"name": "over", "pool_size": 3, "strides": 2}),
            conv("b", 6, 1, activation="relu"),
            ("AveragePooling2D", {"name": "same", "pool_size": 3, "strides": 1, "padding": "same"}),
            conv("c", 17, 1, activation="relu"),
            ("AveragePooling2D", {"name": "wide", "pool_size": [2, 3], "padding": "same"}),
            conv("d", 6, 1, activation="relu"),
            ("AveragePooling2D", {"name": "plain", "pool_size": 2})],
        "head": [FLATTEN]},
    "maxpool_ties": {
        "images": "8x8", "pre": "none", "ties": True, "net": [
            conv("a", 4, 3), ("MaxPooling2D", {"name": "p", "pool_size": 3, "strides": 2}),
            conv("b", 3, 1, activation="relu")],
        "head": [FLATTEN], "training": SLOW},
    "globalmaxpool_ties": {
        "images": "8x8", "pre": "none", "ties": True, "net": [conv("a", 4, 3)],
        "head": [("GlobalMaxPooling2D", {})],
        "training": SLOW},
    "globalmaxpool": {
        "images": "9x7", "net": [
            conv("a", 6, 3, activation="tanh"), conv("b", 19, 2),
            ("GlobalMaxPooling2D", {"name": "g"})],
        "head": [("Dense", {"units": 5, "activation": "tanh"})]},
    "globalavgpool": {
        "images": "9x7", "net": [
            conv("a", 6, 3, activation="relu"), conv("b", 19, 2, activation="relu"),
            ("GlobalAveragePooling2D", {"name": "g"})],
        "head": [("Dense", {"units": 5, "activation": "tanh"})]},
    "add": {
        "images": "8x8", "net": [
            conv("a", 6, 3, "same", activation="relu"),
            conv("b", 6, 3, "same", of="a"),
            conv("c", 6, 1, "same", of="a", activation="tanh"),
            ("Add", {"name": "three"}, ["a", "b", "c"]),
            ("MaxPooling2D", {"name": "p"}, ["three"]),
            ("AveragePooling2D", {"name": "q", "pool_size": 2}, ["three"]),
            ("Add", {"name": "twice"}, ["p", "q"]),
            ("Add", {"name": "self"}, ["twice", "twice"])],
        "head": [FLATTEN]},
    "concatenate": {
        "images": "8x8", "net": [
            conv("a", 5, 3, "same", activation="relu"),
            conv("b", 16, 3, "same", of="a"),
            conv("c", 3, 1, "same", of="a", activation="tanh"),
            ("Concatenate", {"name": "all"}, ["c", "a", "b"]),
            conv("d", 4, 2, strides=2, activation="relu"),
            ("Flatten", {"name": "f"}), ("GlobalAveragePooling2D", {"name": "g"}, ["all"]),
            ("Concatenate", {"name": "flat"}, ["f", "g"])],
        "head": [("Dense", {"units": 7, "activation": "relu"})]},
    "upsampling_nearest": {
        "images": "9x7", "net": [
            conv("a", 5, 3, strides=2, activation="relu"),
            ("UpSampling2D", {"name": "u", "size": 2}),
            conv("b", 6, 3, activation="relu"),
            ("UpSampling2D", {"name": "v", "size": [3, 2]}),
            conv("c", 4, 3, "same", strides=2, activation="relu")],
        "head": [GAP]},
    "upsampling_bilinear": {
        "images": "9x7", "net": [
            conv("a", 5, 3, strides=2, activation="relu"),
            ("UpSampling2D", {"name": "u", "size": 2, "interpolation": "bilinear"}),
            conv("b", 6, 3, activation="relu"),
            ("UpSampling2D", {"name": "v", "size": [3, 2], "interpolation": "bilinear"}),
            conv("c", 4, 3, "same", strides=2, activation="relu")],
        "head": [GAP]},
    "upsampling_input": {
        "images": "8x8", "frozen": "all",
        "up": [("UpSampling2D", {"size": 2}), ("UpSampling2D", {"size": [2, 1]})],
        "net": [conv("a", 5, 3, strides=2, use_bias=False), norm("a_bn"), relu("a_relu"),
                conv("b", 6, 3, "same", activation="relu"), ("MaxPooling2D", {"name": "p"})],
        "head": [FLATTEN]},
    "upsampling_input_bilinear": {
        "images": "8x8", "frozen": "all", "pre": "tf",
        "up": [("UpSampling2D", {"size": 3, "interpolation": "bilinear"}),
               ("UpSampling2D", {"size": 2, "interpolation": "nearest"})],
        "net": [conv("a", 5, 5, "same", strides=3, activation="relu"),
                conv("b", 6, 3, strides=2, activation="relu")],
        "head": [FLATTEN]},
    "head_only": {
        "images": "9x7", "head": [
            FLATTEN, ("Dense", {"units": 7, "activation": "tanh"}),
            ("Dense", {"units": 33, "activation": "sigmoid"}),
            ("Dense", {"units": 16, "activation": "relu"}),
            ("Dense", {"units": 5, "activation": "softmax", "name": "shares"}),
            ("Dense", {"units": 49, "use_bias": False})]},
    "dropout": {
        "images": "8x8", "training": None, "net": [
            conv("a", 6, 3, activation="relu"), ("Dropout", {"name": "drop", "rate": 0.4}),
            conv("b", 5, 2, activation="relu")],
        "head": [FLATTEN, ("Dropout", {"rate": 0.3}), ("Dense", {"units": 8, "activation": "relu"}),
                 ("Dropout", {"rate": 0.5})]},
    "dropout_rate_zero": {
        "images": "8x8", "net": [
            conv("a", 6, 3, activation="relu"), ("Dropout", {"name": "drop", "rate": 0.0}),
            conv("b", 5, 2, activation="relu")],
        "head": [FLATTEN, ("Dropout", {"rate": 0.0})]},
    "preprocess_rescale": {"images": "8x8", "pre": "rescale", "head": [FLATTEN]},
    "preprocess_tf": {"images": "8x8", "pre": "tf", "head": [FLATTEN]},
    "preprocess_caffe": {"images": "8x8", "pre": "caffe", "head": [FLATTEN], "training": None},
    "preprocess_torch": {"images": "8x8", "pre": "torch", "head": [FLATTEN]},
    "preprocess_none": {"images": "8x8", "pre": "none", "head": [FLATTEN], "training": None},
    "preprocess_caffe_padded": {
        "images": "9x7", "pre": "caffe", "frozen": "all", "net": [
            conv("a", 5, 3, "same", activation="relu"), norm("a_bn")],
        "head": [GAP]},
    "grey": {
        "images": "8x8-grey", "net": [conv("a", 5, 3, activation="relu"), conv("b", 6, 3)],
        "head": [FLATTEN]},
    "sparse_crossentropy": {
        "images": "8x8", "frozen": "all", "net": [conv("a", 5, 3, strides=2, activation="relu")],
        "head": [FLATTEN], "training": {"loss": "sparse_categorical_crossentropy"}},
    "adam_arguments": {
        "images": "8x8", "net": [conv("a", 5, 3, strides=2, activation="relu")],
        "head": [FLATTEN], "training": {"optimizer": {"Adam": {
            "learning_rate": 0.004, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 0.001}}}},
    "sgd": {
        "images": "8x8", "net": [conv("a", 5, 3, strides=2, activation="relu")],
        "head": [FLATTEN], "training": {"optimizer": {"SGD": {"learning_rate": 0.05}}}},
    "sgd_momentum": {
        "images": "8x8", "net": [conv("a", 5, 3, strides=2, activation="relu")],
        "head": [FLATTEN], "training": {
            "optimizer": {"SGD": {"learning_rate": 0.02, "momentum": 0.8}}}},
    "sgd_nesterov": {
        "images": "8x8", "net": [conv("a", 5, 3, strides=2, activation="relu")],
        "head": [FLATTEN], "training": {
            "optimizer": {"SGD": {"learning_rate": 0.02, "momentum": 0.8, "nesterov": True}}}},
    "resnet_frozen": {"images": "16x12", "frozen": "all", "net": RESNET, "head": [FLATTEN]},
    "resnet_none_frozen": {
        "images": "16x12", "net": RESNET, "head": [GAP],
        "training": {"optimizer": {"Adam": {"learning_rate": 0.0005}}}},
    "resnet_slice_inside": {
        "images": "16x12", "net": RESNET, "frozen": "all", "slice": "conv2_block2_3_conv",
        "head": [FLATTEN]},
    "resnet_unfreeze_from": {
        "images": "16x12", "net": RESNET, "slice": "conv2_block2_out",
        "frozen": [{"freeze": "*"}, {"unfreeze_from": "conv2_block2_1_conv"}], "head": [GAP]},
    "resnet_freeze_until": {
        "images": "16x12", "net": RESNET, "slice": "conv2_block1_out",
        "frozen": [{"unfreeze": "*"}, {"freeze_until": "conv1_bn"}], "head": [GAP],
        "training": SLOW},
    "unfreeze_last": {
        "images": "8x8", "net": [
            conv("a", 6, 3, activation="relu"), conv("b", 7, 3, activation="relu"),
            conv("c", 8, 2, activation="relu"), ("MaxPooling2D", {"name": "p"})],
        "frozen": [{"freeze": "*"}, {"unfreeze_last": 2}], "head": [FLATTEN]},
    "frozen_after_trainable": {
        "images": "8x8", "net": [
            conv("a", 6, 3, activation="relu"), norm("a_bn"), conv("b", 7, 3), norm("b_bn"),
            relu("b_relu"), conv("c", 8, 2, activation="relu")],
        "frozen": [{"unfreeze": "*"}, {"freeze": "b*"}, {"freeze": "c"}], "head": [FLATTEN],
        "training": SLOW},
    "inception_frozen": {"images": "16x12", "frozen": "all", "net": INCEPTION, "head": [FLATTEN]},
    "inception_none_frozen": {"images": "16x12", "net": INCEPTION, "head": [GAP]},
}
