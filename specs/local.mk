# The backbones, which are embedded in graftc and installed to be read, and the experiments.
backbonesdir = $(pkgdatadir)/backbones
backbones = \
    %D%/backbones/InceptionV3.yaml \
    %D%/backbones/ResNet50.yaml \
    %D%/backbones/VGG16.yaml
dist_backbones_DATA = $(backbones)
