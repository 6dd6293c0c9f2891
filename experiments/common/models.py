"""The models of circles, blobs and regression, written against the `torch.nn` of the backend passed in."""

from collections.abc import Callable
from types import ModuleType
from typing import Any


def circle_models(backend: ModuleType) -> dict[str, Callable[[], Any]]:
    """What makes each model, by its short name; in here because `nn.Module` is the backend's.

    All take points (n, 2) and return one logit a point, (n, 1).
    """
    nn: Any = backend.nn

    class CircleModelV0(nn.Module):
        """2-5-1 without activation: two linear layers make one, and its boundary is a straight line."""

        def __init__(self) -> None:
            super().__init__()
            self.layer_1 = nn.Linear(in_features=2, out_features=5)
            self.layer_2 = nn.Linear(in_features=5, out_features=1)

        def forward(self, x: Any) -> Any:
            return self.layer_2(self.layer_1(x))

    class CircleModelV1(nn.Module):
        """2-10-10-1 without activation: deeper and wider, and still a straight line."""

        def __init__(self) -> None:
            super().__init__()
            self.layer_1 = nn.Linear(in_features=2, out_features=10)
            self.layer_2 = nn.Linear(in_features=10, out_features=10)
            self.layer_3 = nn.Linear(in_features=10, out_features=1)

        def forward(self, x: Any) -> Any:
            return self.layer_3(self.layer_2(self.layer_1(x)))

    class CircleModelV2(nn.Module):
        """V1 with ReLU between the layers: that alone lets the boundary bend around the circle."""

        def __init__(self) -> None:
            super().__init__()
            self.layer_1 = nn.Linear(in_features=2, out_features=10)
            self.layer_2 = nn.Linear(in_features=10, out_features=10)
            self.layer_3 = nn.Linear(in_features=10, out_features=1)
            self.relu = nn.ReLU()

        def forward(self, x: Any) -> Any:
            return self.layer_3(self.relu(self.layer_2(self.relu(self.layer_1(x)))))

    class BinaryModel(nn.Module):
        """The same network as V2, as the binary classification study with 10,000 points and Adam wrote it."""

        def __init__(self) -> None:
            super().__init__()
            self.linear1 = nn.Linear(2, 10)
            self.linear2 = nn.Linear(10, 10)
            self.linear3 = nn.Linear(10, 1)
            self.relu = nn.ReLU()

        def forward(self, x: Any) -> Any:
            x = self.relu(self.linear1(x))
            x = self.relu(self.linear2(x))
            return self.linear3(x)

    def sequential_v0() -> Any:
        return nn.Sequential(nn.Linear(2, 5), nn.Linear(5, 1))

    def sequential_v1() -> Any:
        return nn.Sequential(nn.Linear(2, 10), nn.Linear(10, 10), nn.Linear(10, 1))

    def sequential_v2() -> Any:
        return nn.Sequential(nn.Linear(2, 10), nn.ReLU(), nn.Linear(10, 10), nn.ReLU(), nn.Linear(10, 1))

    return {
        "v0": CircleModelV0,
        "v1": CircleModelV1,
        "v2": CircleModelV2,
        "binary": BinaryModel,
        "v0-sequential": sequential_v0,
        "v1-sequential": sequential_v1,
        "v2-sequential": sequential_v2,
    }


def blob_models(backend: ModuleType) -> dict[str, Callable[[int], Any]]:
    """What makes each model of the blobs for a number of classes: points (n, 2) to logits (n, classes)."""
    nn: Any = backend.nn

    class BlobModel(nn.Module):
        """2-8-8-classes with an activation between the layers, or without."""

        def __init__(self, classes: int, activation: Callable[[], Any]) -> None:
            super().__init__()
            self.linear_layer_stack = nn.Sequential(
                nn.Linear(in_features=2, out_features=8),
                activation(),
                nn.Linear(in_features=8, out_features=8),
                activation(),
                nn.Linear(in_features=8, out_features=classes),
            )

        def forward(self, x: Any) -> Any:
            return self.linear_layer_stack(x)

    return {
        "relu": lambda classes: BlobModel(classes, nn.ReLU),
        "linear": lambda classes: BlobModel(classes, nn.Identity),
    }


def line_model(backend: ModuleType) -> Any:
    """1-10-10-1 without activation: numbers (n, 1) to numbers (n, 1), always by a straight line."""
    nn: Any = backend.nn
    return nn.Sequential(nn.Linear(1, 10), nn.Linear(10, 10), nn.Linear(10, 1))
