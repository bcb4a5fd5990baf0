"""What is a secret in a text, and what is none."""

from pathlib import Path

import pytest

from pawprint.base.secrets import hide_secrets
from pawprint.console.tee import read_console


@pytest.mark.parametrize(
    "text",
    [
        "https://user:SECRET@host/x.zip",
        "postgresql://me:a/SECRET@host/db",
        "https://SECRET@github.com/a/b",
        "--source 'https://host/x.zip?X-Amz-Credential=SECRET&X-Amz-Signature=SECRET&a=1'",
        "https://account.blob/x?sv=1&sig=SECRET&se=2",
        "https://host/x?token=SECRET and access_token=SECRET",
        "Authorization: Bearer SECRETSECRET",
        "HF_TOKEN=SECRET password=SECRET",
    ],
)
def test_secrets_are_masked_wherever_they_stand(tmp_path: Path, text: str) -> None:
    assert "SECRET" not in hide_secrets(text)
    assert "…" in hide_secrets(text)
    (tmp_path / "kept.txt").write_text(f"{text}\n")
    assert "SECRET" not in read_console(tmp_path / "kept.txt")


@pytest.mark.parametrize(
    "text", ["https://host/a@b.zip", "epoch 1/2  train_loss 0.5", "design=flat", "runs:/abc/dataset", "a token of luck"]
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert hide_secrets(text) == text
