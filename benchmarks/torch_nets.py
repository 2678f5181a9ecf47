# torch_nets.py - the networks and their heads for PyTorch, and for the engines as ONNX.
import torch
import torchvision
from torch import nn


class Backbone(nn.Module):
    """From images of 32 x 32, channels first, to one row of features an image."""

    def __init__(self, network):
        super().__init__()
        self.scale = 4 if network == "inception" else 1
        self.net = layers(network)
        for module in self.net.modules():
            if isinstance(module, nn.Conv2d):  # activations that neither vanish nor grow
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, x):
        if self.scale > 1:
            x = nn.functional.interpolate(x, scale_factor=self.scale, mode="nearest")
        return self.net(x).flatten(1)


def layers(network):
    models = torchvision.models
    if network == "vgg16":
        return models.vgg16(weights=None).features
    if network == "inception":
        net = models.inception_v3(weights=None, aux_logits=False, init_weights=False)
        net.avgpool = net.dropout = net.fc = nn.Identity()
        return net
    net = models.resnet50(weights=None)
    stem = [net.conv1, net.bn1, net.relu, net.maxpool, net.layer1]
    if network == "resnet50":
        return nn.Sequential(*stem, net.layer2, net.layer3, net.layer4)
    block = net.layer2[0]  # sliced: the branch of the block alone, up to its last convolution
    return nn.Sequential(*stem, block.conv1, block.bn1, block.relu,
                         block.conv2, block.bn2, block.relu, block.conv3)


def frozen(network):
    return Backbone(network).eval().requires_grad_(False).to(memory_format=torch.channels_last)


def width(net):
    """Features of an image."""
    with torch.no_grad():
        return net(torch.rand(2, 3, 32, 32)).shape[1]


def head(network, n_features):
    """The head of the specs; the softmax is in the loss."""
    stack = [nn.Linear(n_features, 1024), nn.ReLU(), nn.Linear(1024, 512), nn.ReLU()]
    last = 512
    if network == "inception":
        stack += [nn.Dropout(0.3), nn.Linear(512, 128), nn.ReLU()]
        last = 128
    return nn.Sequential(*stack, nn.Linear(last, 10))
