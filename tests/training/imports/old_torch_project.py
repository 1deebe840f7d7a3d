"""What a project with PyTorch leaves behind; run by a Python that has torch: `python old_torch_project.py FOLDER`.

FOLDER/landmarks.npy holds hands (samples, 21, 3). For each model this writes `<name>.pt`, and `<name>.npz` with what it
answers to them.
"""

import os
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from torch import nn

EDGES = [
    (0, 1), (0, 5), (9, 13), (13, 17), (5, 9), (0, 17), (1, 2), (2, 3), (3, 4), (5, 6), (6, 7), (7, 8), (9, 10),
    (10, 11), (11, 12), (13, 14), (14, 15), (15, 16), (17, 18), (18, 19), (19, 20),
]  # fmt: skip
FOLDER = Path(sys.argv[1])
LANDMARKS = np.load(FOLDER / "landmarks.npy")


def features(hand):
    points = hand - hand[0]
    points = points / np.linalg.norm(points, axis=1).max()
    return np.concatenate([points.ravel(), [np.linalg.norm(points[a] - points[b]) for a, b in EDGES]])


class Named(nn.Module):
    """All normalizations are named after all layers; `forward` puts them before the ReLU."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(84, 20), nn.Linear(20, 12), nn.Linear(12, 3)
        self.bn1, self.bn2 = nn.BatchNorm1d(20), nn.BatchNorm1d(12)

    def forward(self, x):
        return self.fc3(torch.relu(self.bn2(self.fc2(torch.relu(self.bn1(self.fc1(x)))))))


class Residual(nn.Module):
    """No chain, but its tensors look like one."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(84, 16), nn.Linear(16, 16), nn.Linear(16, 3)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        return self.fc3(x + torch.relu(self.fc2(x)))


class Code:
    """What runs when it is unpickled without care."""

    def __reduce__(self):
        return os.system, (f"touch {FOLDER / 'ran'}",)


def trained(model):
    """Weights and statistics as after a training: nothing is 0 or 1."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias)
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.001, 2)
    return model.eval()


def answer(model, inputs):
    with torch.no_grad():
        return model(torch.tensor(inputs, dtype=torch.float32)).numpy()


def write(name, model, inputs, outputs=None, checkpoint=None):
    torch.save(checkpoint or model.state_dict(), FOLDER / f"{name}.pt")
    outputs = answer(model, inputs) if outputs is None else outputs
    np.savez(FOLDER / f"{name}.npz", inputs=LANDMARKS, outputs=outputs)


def main():
    torch.manual_seed(0)
    hands = np.stack([features(hand) for hand in LANDMARKS])
    block = lambda i, o: [nn.Linear(i, o), nn.BatchNorm1d(o), nn.ReLU(), nn.Dropout(0.3)]  # noqa: E731
    net = trained(nn.Sequential(*block(84, 32), *block(32, 24), *block(24, 16), nn.Linear(16, 3)))
    write("sequential", net, hands)

    other = lambda i, o: [nn.Linear(i, o), nn.ReLU(), nn.BatchNorm1d(o), nn.Dropout(0.3)]  # noqa: E731
    late = trained(nn.Sequential(OrderedDict(net=nn.Sequential(*other(84, 20), *other(20, 12), nn.Linear(12, 3)))))
    mean, deviation = hands.mean(axis=0), hands.std(axis=0) + 0.01
    outputs = torch.softmax(torch.tensor(answer(late, (hands - mean) / deviation)), 1).numpy()
    checkpoint = {
        "epoch": 12,
        "model_state_dict": late.state_dict(),
        "optimizer_state_dict": {"state": {0: {"step": torch.tensor(5)}}, "param_groups": [{"params": [0, 1]}]},
        "class_to_idx": {"C": 0, "A": 1, "B": 2},
        "input_mean": torch.tensor(mean),
        "input_std": torch.tensor(deviation),
    }
    write("checkpoint", late, None, outputs, checkpoint)

    write("named", trained(Named()), hands)
    write("coordinates", nn.Sequential(nn.Linear(63, 16), nn.ReLU(), nn.Linear(16, 3)), hands[:, :63])
    write("residual", Residual(), hands)
    torch.save(net, FOLDER / "whole.pt")
    torch.save({"model_state_dict": net.state_dict(), "extra": Code()}, FOLDER / "code.pt")
    torch.save(net.state_dict(), FOLDER / "old.pt", _use_new_zipfile_serialization=False)
    torch.jit.script(net).save(str(FOLDER / "script.pt"))


if __name__ == "__main__":
    main()
