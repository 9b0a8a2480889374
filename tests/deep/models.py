"""Tiny models of random weights, written to disk in the format of the hub, and small tasks to try networks on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

WORDS = [
    "the",
    "a",
    "of",
    "river",
    "stone",
    "music",
    "good",
    "bad",
    "is",
    "was",
    "##s",
    "##ing",
    "film",
    "plot",
    "very",
]
LETTERS = list("abcdefghijklmnopqrstuvwxyz0123456789.,'") + [f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz0123456789"]


def write_tokenizer(folder: Path, kind: str) -> int:
    """A word-piece tokenizer of about ninety tokens; the size of its vocabulary."""
    from tokenizers import Tokenizer, decoders
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast

    names = {"bert": ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"), "t5": ("<pad>", "<unk>", "<s>", "</s>", "<mask>")}[
        kind
    ]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys([*names, *WORDS, *LETTERS]))}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token=names[1]))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    single = f"{names[2]} $A {names[3]}" if kind == "bert" else f"$A {names[3]}"
    tokenizer.post_processor = TemplateProcessing(
        single=single,
        pair=f"{single} $B {names[3]}",
        special_tokens=[(name, vocabulary[name]) for name in (names[2], names[3])],
    )
    special = {"pad_token": names[0], "unk_token": names[1], "mask_token": names[4]}
    special |= {"cls_token": names[2], "sep_token": names[3]} if kind == "bert" else {"eos_token": names[3]}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **special).save_pretrained(folder)
    return len(vocabulary)


def write_model(folder: Path, name: str, width: int = 16) -> Path:
    """One tiny model: bert, distilbert, t5, bart, vit or resnet. ``width``: of those that write texts."""
    import torch
    import transformers as hub

    torch.manual_seed(0)
    folder.mkdir(parents=True)
    if name in ("vit", "resnet"):
        if name == "vit":
            sizes: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
            config: Any = hub.ViTConfig(**sizes, intermediate_size=32, image_size=32, patch_size=8)
            model: Any = hub.ViTModel(config)
        else:
            config = hub.ResNetConfig(
                embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_channels=3
            )
            model = hub.ResNetModel(config)
        model.save_pretrained(folder)
        processor = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "size": {"height": 32, "width": 32}}
        (folder / "preprocessor_config.json").write_text(
            json.dumps({**processor, "image_processor_type": "ViTImageProcessor"}), encoding="utf-8"
        )
        return folder
    words = write_tokenizer(folder, "bert" if "bert" in name else "t5")
    if name == "bert":
        sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
        model = hub.BertModel(hub.BertConfig(vocab_size=words, max_position_embeddings=64, **sizes))
    elif name == "distilbert":
        config = hub.DistilBertConfig(
            vocab_size=words, max_position_embeddings=64, dim=16, n_layers=2, n_heads=2, hidden_dim=32
        )
        model = hub.DistilBertModel(config)
    elif name == "t5":
        config = hub.T5Config(
            vocab_size=words, d_model=width, d_kv=8, d_ff=2 * width, num_layers=2, num_heads=max(2, width // 16),
            dropout_rate=0.0, pad_token_id=0, eos_token_id=3, decoder_start_token_id=0,
        )  # fmt: skip
        model = hub.T5ForConditionalGeneration(config)
    else:
        config = hub.BartConfig(
            vocab_size=words, d_model=width, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=2 * width, decoder_ffn_dim=2 * width, max_position_embeddings=64, dropout=0.0,
            pad_token_id=0, bos_token_id=2, eos_token_id=3, decoder_start_token_id=3, forced_eos_token_id=3,
        )  # fmt: skip
        model = hub.BartModel(config)  # as facebook/bart-base is saved: without the layer that scores tokens
    model.save_pretrained(folder)
    return folder


def write_timm(folder: Path, name: str) -> Path:
    """A tiny model in timm's own format: resnet, which takes images of any size, or vit, which takes those of 32 pixels only."""
    import timm
    import torch

    torch.manual_seed(0)
    sizes: dict[str, Any] = {"depth": 2, "img_size": 32, "patch_size": 8, "embed_dim": 16, "num_heads": 2}
    made, sizes = ("resnet10t", {}) if name == "resnet" else ("vit_tiny_patch16_224", sizes)
    model = timm.create_model(made, num_classes=3, **sizes)
    timm.models.save_for_hf(model, folder, safe_serialization=True, model_args=sizes)
    return folder


def write_texts(folder: Path, rows: int = 120) -> Path:
    """Short reviews, good and bad, with their task.md."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    label = np.arange(rows) % 2
    words = [["dull", "bad", "poor", "slow"], ["fine", "good", "great", "warm"]]
    others = ["the", "film", "plot", "was", "a", "music", "of", "it", "scene", "actor", "very"]
    texts = [" ".join(random.permutation([*random.choice(others, 12), *random.choice(words[k], 2)])) for k in label]
    pd.DataFrame({"review": texts, "mood": np.where(label == 1, "up", "down")}).to_csv(
        folder / "reviews.csv", index=False
    )
    head = "---\ndomain: text\ntarget: mood\nmetric: accuracy\n---\n"
    body = "# reviews\n## Input data\nText of reviews.\n## Output data\nmood\n## Files\nreviews.csv: review, mood\n"
    (folder / "task.md").write_text(head + body, encoding="utf-8")
    return folder


def write_images(folder: Path, rows: int = 120) -> Path:
    """Small images with stripes across or down, in folders by class, with their task.md."""
    from PIL import Image

    random = np.random.default_rng(0)
    for number in range(rows):
        kind = ("across", "down")[number % 2]
        place = folder / "images" / kind
        place.mkdir(parents=True, exist_ok=True)
        lines = np.indices((16, 16))[number % 2] // 2 % 2
        image = 60 + 120 * lines[..., None] + random.normal(0, 20, (16, 16, 3))
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(place / f"{number:03d}.png")
    head = "---\ndomain: vision\nmetric: accuracy\n---\n"
    body = "# stripes\n## Input data\nImages.\n## Output data\nThe direction of the stripes.\n## Files\nimages: folders by class\n"
    (folder / "task.md").write_text(head + body, encoding="utf-8")
    return folder


def reversed_words(rows: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Short words of eight letters, and the same from their ends."""
    random = np.random.default_rng(seed)
    words = ["".join(random.choice(list("abcdefgh"), int(random.integers(2, 5)))) for _ in range(rows)]
    return words, [word[::-1] for word in words]


def write_pairs(folder: Path, rows: int = 120) -> Path:
    """Words and the same words reversed, with their task.md."""
    folder.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(dict(zip(("word", "turned"), reversed_words(rows), strict=True)))
    frame.to_csv(folder / "pairs.csv", index=False)
    head = "---\ndomain: text\ntarget: turned\ncategory: sequence-to-sequence\nmetric: chrf\n---\n"
    body = "# words\n## Input data\nText.\n## Output data\nturned\n## Files\npairs.csv: word, turned\n"
    (folder / "task.md").write_text(head + body, encoding="utf-8")
    return folder


def write_choices(folder: Path, rows: int = 160) -> Path:
    """Questions with four options, of which the right one holds two rare words of the question, with their task.md."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    right = np.arange(rows) % 4
    words = random.integers(100, 1000, (rows, 2, 5))
    frame = pd.DataFrame({"prompt": [f"which is of w{a[0]} and w{b[0]}" for a, b in words]})
    for k, letter in enumerate("ABCD"):
        taken = np.where(right == k, 0, k + 1)
        frame[letter] = [f"the w{a[i]} in a w{b[i]} was" for (a, b), i in zip(words, taken, strict=True)]
    frame["answer"] = [("A", "B", "C", "D")[k] for k in right]
    frame.to_csv(folder / "questions.csv", index=False)
    head = "---\ndomain: text\ntarget: answer\nmetric: map@3\n---\n"
    body = "# questions\n## Input data\nText.\n## Output data\nUp to three letters.\n## Files\nquestions.csv\n"
    (folder / "task.md").write_text(head + body, encoding="utf-8")
    return folder
