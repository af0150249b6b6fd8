"""Training, without Ray."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from trainables.config.checkpoint_place import expected_bytes
from trainables.config.train_config import ConfigError
from trainables.training.checkpoints.checkpoint import CheckpointError
from trainables.training.trainer import Diverged, Trainer

CLOCKS = ("train_seconds", "eval_seconds", "images_per_second")


def untimed(history):
    """Metrics without what a clock measured."""
    rows = [dataclasses.asdict(metrics) for metrics in history]
    return [{key: value for key, value in row.items() if key not in CLOCKS} for row in rows]


def tensors(trainer):
    state = dict(trainer.network.state_dict())
    for name, parameter in trainer.network.named_parameters():
        for kind, buffers in trainer.optimizer.state.items():
            state[f"{kind} {name}"] = buffers[parameter]
    return state


def assert_same(one, other):
    assert untimed(one.history) == untimed(other.history)
    mine, others = tensors(one), tensors(other)
    assert mine.keys() == others.keys()
    assert all(torch.equal(mine[name], others[name]) for name in mine)


def trained(config, data, epochs=None):
    trainer = Trainer(config, data)
    for _ in range(epochs or config.epochs):
        trainer.train_epoch()
    return trainer


def after(batches):
    """A ``should_stop`` that lets so many batches pass."""
    return iter([False] * batches + [True]).__next__


@pytest.mark.parametrize("layer", ["dense", "tensor_train"])
def test_two_epochs_equal_one_a_save_a_load_into_a_fresh_object_and_one_more(
    digits, tiny, tmp_path, layer
):
    config = tiny.with_values(layer=layer, rank=None if layer == "dense" else 2)
    straight = trained(config, digits)
    trained(config, digits, epochs=1).save(tmp_path / "checkpoint")
    resumed = Trainer(config, digits)
    resumed.load(tmp_path / "checkpoint")
    assert resumed.epochs_done == 1
    resumed.train_epoch()
    assert_same(resumed, straight)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("layer", ["dense", "tensor_train"])
def test_a_checkpoint_of_the_smallest_network_takes_no_more_than_is_forecast(
    digits, tiny, tmp_path, layer, optimizer
):
    rank = None if layer == "dense" else 1
    config = tiny.with_values(layer=layer, rank=rank, optimizer=optimizer, learning_rate=0.01)
    trainer = trained(config, digits, epochs=1)
    trainer.save(tmp_path / "trial" / "e1-a0")
    written = [tmp_path / "trial", *(tmp_path / "trial").rglob("*")]
    forecast = expected_bytes(trainer.size.parameters, optimizer, epochs=1)
    assert sum(path.stat().st_size for path in written) <= forecast


def test_a_trial_goes_on_with_the_threads_that_it_was_begun_with(digits, tiny, tmp_path):
    def begun_and_continued(threads):
        first = Trainer(tiny, digits, threads=1)
        first.train_epoch()
        first.save(tmp_path / "checkpoint")
        second = Trainer(tiny, digits, threads=threads)
        second.load(tmp_path / "checkpoint")
        second.train_epoch()
        return second

    try:
        assert_same(begun_and_continued(2), begun_and_continued(1))
        assert torch.get_num_threads() == 1
        other = Trainer(tiny, digits, threads=2)
        other.train_epoch()
        other.train_epoch()
        with pytest.raises(AssertionError):  # or the test could not fail
            assert_same(other, begun_and_continued(1))
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("batches", [1, 3])
def test_a_stop_between_two_batches_loses_nothing(digits, tiny, tmp_path, batches):
    stopped = trained(tiny, digits, epochs=1)
    assert stopped.train_epoch(after(batches)) is None
    stopped.save(tmp_path / "checkpoint")
    resumed = Trainer(tiny, digits)
    resumed.load(tmp_path / "checkpoint")
    assert (resumed.epochs_done, resumed.batches_done) == (1, batches)
    resumed.train_epoch()
    assert_same(resumed, trained(tiny, digits))


def test_stopping_and_going_on_in_one_object_changes_nothing(digits, tiny):
    trainer = Trainer(tiny, digits)
    while not trainer.finished:
        trainer.train_epoch(after(1))
    assert_same(trainer, trained(tiny, digits))


def test_what_trained_before_in_the_process_changes_nothing(digits, tiny):
    first = trained(tiny, digits)
    trained(tiny.with_values(layer="cp", rank=2, seed=5), digits)
    torch.manual_seed(99)
    assert_same(trained(tiny, digits), first)


def test_another_seed_trains_to_other_numbers(digits, tiny):
    assert untimed(trained(tiny, digits).history) != untimed(
        trained(tiny.with_values(seed=1), digits).history
    )


def test_a_small_network_learns_the_digits(digits, tiny):
    config = tiny.with_values(width=4, epochs=4, train_images=None, batch_size=32)
    history = trained(config, digits).history
    assert history[-1].val_accuracy > 0.9
    assert history[-1].train_loss < history[0].train_loss / 2


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns_too(digits, tiny, precision):
    full, half = (
        [metrics.train_loss for metrics in trained(config, digits).history]
        for config in (tiny.with_values(precision="fp32"), tiny.with_values(precision=precision))
    )
    assert half == pytest.approx(full, rel=0.05)
    assert half != full


def test_the_reported_loss_and_accuracy_are_those_of_the_held_out_images(digits, tiny):
    trainer = Trainer(tiny, digits)
    metrics = trainer.train_epoch()
    held_out = trainer.split.held_out
    images = (digits.train_images[held_out] - np.array(digits.mean)) / np.array(digits.std)
    with torch.no_grad():
        logits = trainer.network.eval()(torch.from_numpy(images).permute(0, 3, 1, 2).float())
    labels = torch.from_numpy(digits.train_labels[held_out])
    expected = torch.nn.functional.cross_entropy(logits, labels).item()
    assert metrics.val_loss == pytest.approx(expected, rel=1e-4)
    right = (logits.argmax(1) == labels).double()
    assert metrics.val_accuracy == pytest.approx(right.mean())
    assert metrics.val_accuracy_half == pytest.approx(right[::2].mean())
    assert right[::2].mean() != right[1::2].mean()


def test_the_test_set_is_read_after_the_last_epoch_only_and_only_when_nothing_is_held_out(
    digits, tiny
):
    held_out = trained(tiny, digits).history
    assert all(metrics.test_accuracy is None for metrics in held_out)
    confirming = trained(tiny.with_values(validation_images=0), digits).history
    assert [metrics.test_accuracy is None for metrics in confirming] == [True, False]
    assert all(metrics.val_accuracy is None for metrics in confirming)


@pytest.mark.parametrize("protocol", ["original_a_plain", "original_a_scaled", "original_tt"])
def test_the_original_protocols_read_the_test_set_after_every_epoch(digits, tiny, protocol):
    config = tiny.with_values(protocol=protocol, validation_images=None)
    assert all(metrics.test_accuracy is not None for metrics in trained(config, digits).history)


def test_the_original_protocols_start_as_the_original_did(digits, tiny):
    """torch's default: uniform within 1/sqrt(fan_in), a sixth of He's variance."""
    weights = {
        protocol: Trainer(
            tiny.with_values(width=16, protocol=protocol), digits
        ).network.prep.conv.weight.detach()
        for protocol in ("corrected", "original_tt")
    }
    assert weights["original_tt"].abs().max() <= 27**-0.5
    assert weights["original_tt"].var() == pytest.approx(1 / 81, rel=0.2)
    assert weights["corrected"].var() == pytest.approx(2 / 27, rel=0.2)


def test_an_exploding_loss_ends_the_trial_with_its_epoch(digits, tiny):
    trainer = Trainer(tiny.with_values(learning_rate=1e20), digits)
    with pytest.raises(Diverged, match="epoch 1"):
        trainer.train_epoch()


def test_label_smoothing_enters_the_training_loss_only(digits, tiny):
    """With weights that learn nothing, ln 10 is the smoothed loss too: compare after learning."""
    keys = {"label_smoothing": 0.9, "epochs": 3}
    smoothed = trained(tiny.with_values(**keys), digits).history[-1]
    assert smoothed.train_loss > 2.25  # the least that smoothing to almost uniform allows
    assert smoothed.val_loss != pytest.approx(smoothed.train_loss, rel=1e-3)


def test_a_finished_training_says_so(digits, tiny):
    trainer = trained(tiny, digits)
    assert trainer.finished
    with pytest.raises(RuntimeError, match="all of its 2 epochs"):
        trainer.train_epoch()


def test_a_checkpoint_carries_the_history_and_nothing_pickled(digits, tiny, tmp_path):
    trainer = trained(tiny, digits)
    trainer.save(tmp_path / "checkpoint")
    suffixes = sorted(path.suffix for path in (tmp_path / "checkpoint").iterdir())
    assert suffixes == [".json", ".safetensors"]
    state = json.loads((tmp_path / "checkpoint" / "state.json").read_text())
    assert [row["epoch"] for row in state["history"]] == [1, 2]
    assert state["trial_id"] == trainer.trial_id


def test_a_checkpoint_of_another_trial_is_refused_and_changes_nothing(digits, tiny, tmp_path):
    trained(tiny, digits, epochs=1).save(tmp_path / "checkpoint")
    other = Trainer(tiny.with_values(seed=1), digits)
    with pytest.raises(CheckpointError, match="is of trial"):
        other.load(tmp_path / "checkpoint")
    assert_same(other, Trainer(tiny.with_values(seed=1), digits))


def test_fewer_classes_than_the_data_has_are_refused(digits, tiny):
    with pytest.raises(ConfigError, match="digits has 10 classes, classes says 2"):
        Trainer(tiny.with_values(classes=2), digits)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_replayed_graph_trains_as_single_steps_do(digits, tiny):
    config = tiny.with_values(width=16, precision="fp32")
    graphed = Trainer(config, digits, device="cuda")
    graphed.train_epoch()
    eager = Trainer(config, digits, device="cuda", cuda_graphs=False)
    eager.train_epoch()
    assert graphed.history[0].train_loss == pytest.approx(eager.history[0].train_loss, rel=1e-4)
    assert graphed.history[0].val_loss == pytest.approx(eager.history[0].val_loss, rel=1e-3)


def test_a_checkpoint_of_other_images_is_refused_with_both_checksums(digits, tiny, tmp_path):
    trained(tiny, digits, 1).save(tmp_path)
    other = dataclasses.replace(digits, checksum="f" * 32)
    with pytest.raises(CheckpointError, match=f"{digits.checksum[:8]}, here ffffffff"):
        Trainer(tiny, other).load(tmp_path)
