"""Small networks of every kind that the proxies must take, randomly initialised, each with a batch of 16."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'text-to-ml[deep]'")
nn = torch.nn
torch.set_num_threads(1)
BATCH = 16


class Run(nn.Module):
    """A function as a model; ``parts`` are its modules and parameters."""

    def __init__(self, function: Any, **parts: Any) -> None:
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.function = function

    def forward(self, *args: Any) -> Any:
        return self.function(self, *args)


class Block(nn.Module):
    """A residual block with BatchNorm and in-place ReLU."""

    def __init__(self, inner: int, width: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inner, width, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.short = nn.Conv2d(inner, width, 1, stride, bias=False) if stride > 1 or inner != width else nn.Identity()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Any) -> Any:
        y = self.norm2(self.second(self.relu(self.norm1(self.first(x)))))
        return self.relu(y.add_(self.short(x)))


def mlp() -> Any:
    return nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3))


def resnet(width: int = 8, blocks: int = 1) -> Any:
    body: list[Any] = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    inner = width
    for stage in range(2):
        for block in range(blocks):
            body.append(Block(inner, width * 2**stage, 2 if stage and not block else 1))
            inner = width * 2**stage
    return nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inner, 10))


class Recurrent(nn.Module):
    """Embedding, LSTM, linear."""

    def __init__(self, layers: int = 2) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 8)
        self.lstm = nn.LSTM(8, 16, layers, batch_first=True, bidirectional=True)
        self.head = nn.Linear(32, 3)

    def forward(self, tokens: Any) -> Any:
        return self.head(self.lstm(self.embed(tokens))[0][:, -1])


class Encoder(nn.Module):
    """torch's own encoder with LayerNorm last and no head."""

    def __init__(self, layers: int = 2, activation: str = "relu") -> None:
        super().__init__()
        self.start = nn.Linear(5, 32)
        layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, activation=activation)
        self.body = nn.TransformerEncoder(layer, layers, norm=nn.LayerNorm(32))

    def forward(self, x: Any) -> Any:
        return self.body(self.start(x))


def hugging_face() -> Any:
    return pytest.importorskip("transformers", reason="transformers is not installed: pip install 'text-to-ml[deep]'")


def vit(layers: int = 3, attention: str = "sdpa") -> Any:
    t = hugging_face()
    config = t.ViTConfig(
        hidden_size=64,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=128,
        image_size=32,
        patch_size=8,
    )
    config.num_labels = 10
    config._attn_implementation = attention
    return t.ViTForImageClassification(config)


def bert(layers: int = 2, attention: str = "sdpa", head: bool = True) -> Any:
    t = hugging_face()
    config = t.BertConfig(
        hidden_size=64, num_hidden_layers=layers, num_attention_heads=4, intermediate_size=128, vocab_size=100
    )
    config._attn_implementation = attention
    return t.BertForSequenceClassification(config) if head else t.BertModel(config)


def gpt2(layers: int = 2, attention: str = "sdpa") -> Any:
    t = hugging_face()
    config = t.GPT2Config(
        n_embd=64, n_layer=layers, n_head=4, vocab_size=100, n_positions=64, bos_token_id=0, eos_token_id=0
    )
    config._attn_implementation = attention
    return t.GPT2LMHeadModel(config)


def tokens(seed: int = 0) -> dict[str, Any]:
    ids = torch.randint(0, 100, (BATCH, 12), generator=torch.Generator().manual_seed(seed))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def numbers(*shape: int, seed: int = 0) -> Any:
    return torch.randn(BATCH, *shape, generator=torch.Generator().manual_seed(seed))


NETWORKS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "mlp": (mlp, lambda: (numbers(10),)),
    "resnet": (resnet, lambda: (numbers(3, 16, 16),)),
    "vit": (vit, lambda: {"pixel_values": numbers(3, 32, 32)}),
    "bert": (bert, tokens),
    "gpt2": (gpt2, tokens),
    "lstm": (Recurrent, lambda: (tokens()["input_ids"] % 50,)),
    "encoder": (Encoder, lambda: (numbers(7, 5),)),
    "headless bert": (lambda: bert(head=False), tokens),
}


def network(name: str, seed: int = 0) -> tuple[Any, Any]:
    """The network and a batch for it, both from the seed."""
    torch.manual_seed(seed)
    build, batch = NETWORKS[name]
    return build(), batch()
