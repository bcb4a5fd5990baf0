import tensorflow as tf

from pawprint.training.devices import unused_gpu


def test_no_gpu_says_nothing(tmp_path):
    assert unused_gpu(tmp_path / "nvidia0") is None


def test_a_gpu_that_tensorflow_does_not_use_is_said(tmp_path, monkeypatch):
    device = tmp_path / "nvidia0"
    device.touch()
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])  # noqa: ARG005
    assert "computes on the CPU" in unused_gpu(device)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    assert unused_gpu(device) is None
