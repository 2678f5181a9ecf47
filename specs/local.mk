# The backbones, which are embedded in graftc and installed to be read, and the experiments.
backbonesdir = $(pkgdatadir)/backbones
backbones = \
    %D%/backbones/InceptionV3.yaml \
    %D%/backbones/ResNet50.yaml \
    %D%/backbones/VGG16.yaml
dist_backbones_DATA = $(backbones)
dist_pkgdata_DATA = %D%/graft.schema.json
EXTRA_DIST += \
    %D%/README.md \
    %D%/cifar10-inception.graft.yaml \
    %D%/cifar10-resnet50-loaded.graft.yaml \
    %D%/cifar10-resnet50-sliced.graft.yaml \
    %D%/cifar10-resnet50.graft.yaml
