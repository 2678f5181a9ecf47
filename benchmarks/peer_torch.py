# peer_torch.py - PyTorch, eager and compiled: forward, head, step, finetune by requests (peer.py).
import os

import torch
import torchvision

import peer
import torch_nets
from measures import BATCH, LEARNING_RATE

STEPS = 8  # between two looks at the clock

nets = {}  # network: its frozen backbone


def backbone(network):
    if network not in nets:
        nets[network] = torch_nets.frozen(network)
    return nets[network]


def images(n):
    return torch.rand(n, 3, 32, 32).to(memory_format=torch.channels_last)


def forward(net):
    def at(batch):
        x = images(batch)

        def run():
            with torch.inference_mode():
                for _ in range(STEPS * BATCH // batch):
                    net(x)
            return STEPS * BATCH

        return run

    return {f"batch {batch}": at(batch) for batch in (BATCH, STEPS * BATCH)}


def training(model, parameters, x, before=None):
    """Steps over the rows of x; before, when given, runs on a batch without gradients."""
    labels = torch.randint(0, 10, (len(x),))
    optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=True)
    loss = torch.nn.CrossEntropyLoss()

    def run():
        for batch, label in zip(x.split(BATCH), labels.split(BATCH)):
            if before is not None:
                with torch.inference_mode():
                    batch = before(batch)
                batch = batch.clone()  # a tensor of inference mode may not enter the backward pass
            optimizer.zero_grad(set_to_none=True)
            loss(model(batch), label).backward()
            optimizer.step()
        return STEPS

    return {"": run}


def prepare(network, measure, system):
    def maybe_compiled(module):
        return torch.compile(module, dynamic=False) if system == "compile" else module

    if measure == "finetune":
        net = torch_nets.Backbone(network).to(memory_format=torch.channels_last).train()
        model = torch.nn.Sequential(net, torch_nets.head(network, torch_nets.width(net)))
        return training(maybe_compiled(model), model.parameters(), images(STEPS * BATCH))
    net = backbone(network)
    if measure == "forward":
        return forward(maybe_compiled(net))
    n_features = torch_nets.width(net)
    model = torch_nets.head(network, n_features)
    if measure == "head":
        return training(maybe_compiled(model), model.parameters(),
                        torch.rand(STEPS * BATCH, n_features))
    return training(maybe_compiled(model), model.parameters(), images(STEPS * BATCH),
                    maybe_compiled(net))


if __name__ == "__main__":
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    versions = {"PyTorch": torch.__version__, "torchvision": torchvision.__version__}
    hello = {"versions": versions, "systems": ["torch", "compile"], "missing": {}}
    peer.serve(peer.answers(), hello, prepare)
