"""Graph attention over spectral and temporal nodes, and graph pooling, as AASIST uses them."""

import torch
from torch import Tensor, nn
from torch.nn import functional


def _normalised(norm: nn.BatchNorm1d, x: Tensor) -> Tensor:
    """Batch normalisation over all nodes of ``(batch, nodes, channels)``."""
    flat: Tensor = norm(x.reshape(-1, x.shape[-1]))
    return flat.reshape(x.shape)


class GraphAttention(nn.Module):
    """Attention among nodes of one kind.

    References
    ----------
    .. [1] Jung et al., "AASIST", ICASSP 2022, arXiv 2110.01200, section 2.2.
    """

    def __init__(self, inputs: int, outputs: int, temperature: float) -> None:
        super().__init__()
        self.att_proj = nn.Linear(inputs, outputs)
        self.att_weight = nn.Parameter(torch.empty(outputs, 1))
        nn.init.xavier_normal_(self.att_weight)
        self.proj_with_att = nn.Linear(inputs, outputs)
        self.proj_without_att = nn.Linear(inputs, outputs)
        self.bn = nn.BatchNorm1d(outputs)
        self.temperature = temperature

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, nodes, inputs)`` to ``(batch, nodes, outputs)``."""
        pairs = torch.tanh(self.att_proj(x.unsqueeze(2) * x.unsqueeze(1)))
        weight = ((pairs @ self.att_weight) / self.temperature).softmax(-2).squeeze(-1)
        mixed = self.proj_with_att(weight @ x) + self.proj_without_att(x)
        return functional.selu(_normalised(self.bn, mixed))


class HeterogeneousAttention(nn.Module):
    """Attention among temporal and spectral nodes with a stack node that hears all of them.

    References
    ----------
    .. [1] Jung et al., "AASIST", ICASSP 2022, arXiv 2110.01200, section 3.1.
    """

    def __init__(self, inputs: int, outputs: int, temperature: float) -> None:
        super().__init__()
        self.proj_type1 = nn.Linear(inputs, inputs)
        self.proj_type2 = nn.Linear(inputs, inputs)
        self.att_proj = nn.Linear(inputs, outputs)
        self.att_projM = nn.Linear(inputs, outputs)
        for name in ("att_weight11", "att_weight22", "att_weight12", "att_weightM"):
            weight = nn.Parameter(torch.empty(outputs, 1))
            nn.init.xavier_normal_(weight)
            self.register_parameter(name, weight)
        self.proj_with_att = nn.Linear(inputs, outputs)
        self.proj_without_att = nn.Linear(inputs, outputs)
        self.proj_with_attM = nn.Linear(inputs, outputs)
        self.proj_without_attM = nn.Linear(inputs, outputs)
        self.bn = nn.BatchNorm1d(outputs)
        self.temperature = temperature

    def _attention(self, x: Tensor, first: int) -> Tensor:
        """Weights among all nodes; the kind of the pair chooses the weight vector."""
        pairs = torch.tanh(self.att_proj(x.unsqueeze(2) * x.unsqueeze(1)))
        same_first = pairs @ self.get_parameter("att_weight11")
        same_second = pairs @ self.get_parameter("att_weight22")
        across = pairs @ self.get_parameter("att_weight12")
        is_first = (torch.arange(x.shape[1], device=x.device) < first)[:, None]
        both_first = (is_first & is_first.T)[None, :, :, None]
        both_second = (~is_first & ~is_first.T)[None, :, :, None]
        board = torch.where(both_first, same_first, torch.where(both_second, same_second, across))
        return (board / self.temperature).softmax(-2).squeeze(-1)

    def forward(
        self, temporal: Tensor, spectral: Tensor, stack: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return temporal nodes, spectral nodes and stack node of ``outputs`` channels."""
        first = temporal.shape[1]
        x = torch.cat((self.proj_type1(temporal), self.proj_type2(spectral)), 1)
        heard = torch.tanh(self.att_projM(x * stack)) @ self.get_parameter("att_weightM")
        share = (heard / self.temperature).softmax(-2).transpose(1, 2)
        stack = self.proj_with_attM(share @ x) + self.proj_without_attM(stack)
        mixed = self.proj_with_att(self._attention(x, first) @ x) + self.proj_without_att(x)
        x = functional.selu(_normalised(self.bn, mixed))
        return x[:, :first], x[:, first:], stack


class GraphPool(nn.Module):
    """Keep the best-scored share of the nodes, each scaled by its score."""

    def __init__(self, ratio: float, channels: int) -> None:
        super().__init__()
        self.proj = nn.Linear(channels, 1)
        self.ratio = ratio

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, nodes, channels)`` to ``(batch, kept, channels)``."""
        score = torch.sigmoid(self.proj(x))
        kept = max(int(x.shape[1] * self.ratio), 1)
        index = score.topk(kept, dim=1).indices.expand(-1, -1, x.shape[2])
        return torch.gather(x * score, 1, index)
