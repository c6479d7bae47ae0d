"""Windows in bounds, by any runtime, within the memory there is."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_models import noise_image, random_model, threshold_model

from napari_medai import Cancelled, MedAIError, MedicalImage
from napari_medai.models import choice_store, choose, opened
from napari_medai.models.blend import RollingSum, kept_shapes
from napari_medai.models.engine import How
from napari_medai.models.estimate import estimate
from napari_medai.models.forward import Setting, UnavailableError, open_forward
from napari_medai.models.frugal import Budget, with_less_memory
from napari_medai.models.infer import Plan, run_windows, tiled_scores
from napari_medai.models.model import CheckCase
from napari_medai.models.pipeline import segment_image
from napari_medai.models.region import bounds_of, otsu_threshold
from napari_medai.models.windows import window_grid

DEEP = {"name": "dynunet", "arguments": {"widths": [4, 8, 8], "strides": [1, 2, 2], "norm": "instance"}}


@pytest.fixture(autouse=True)
def _own_probes(tmp_path, monkeypatch):
    monkeypatch.setenv(choice_store.VARIABLE, str(tmp_path / "probes.json"))
    yield
    opened.release_networks()


@given(
    shape=st.tuples(*[st.integers(8, 30)] * 3),
    overlap=st.floats(0, 0.8),
    spread=st.sampled_from(["grid", "even"]),
    seed=st.integers(0, 99),
)
def test_bricks_are_the_sums_of_all_windows(shape, overlap, spread, seed):
    import torch

    grid = window_grid(shape, (8, 6, 7), overlap, spread)
    assert grid.shape == shape
    generator = torch.Generator().manual_seed(seed)
    expected, found = torch.zeros(2, *shape), torch.full((2, *shape), torch.nan)
    rolling = RollingSum(grid, 2, torch.device("cpu"))
    for index in grid.indices():
        window = torch.rand(2, 8, 6, 7, generator=generator)
        expected[(slice(None), *grid.box(index))] += window
        brick, box = rolling.add(index, window)
        assert torch.isnan(found[(slice(None), *box)]).all()  # no voxel is finished twice
        found[(slice(None), *box)] = brick
    torch.testing.assert_close(found, expected)


def test_sums_take_a_sheet_and_not_the_image():
    grid = window_grid((320, 320, 320), (96, 96, 96), 0.5)
    kept = sum(np.prod(shape) for shape in kept_shapes(grid, 25))
    # half a window of 320 planes; the last step is shorter, so that a little more is kept
    assert kept < 0.3 * 25 * 320**3


@pytest.mark.parametrize(
    ("size", "tile", "expected"),
    [(100, 40, [0, 20, 40, 60]), (64, 64, [0]), (65, 64, [0, 1]), (155, 96, [0, 30, 59])],
)
def test_even_windows_lie_where_nnunet_puts_them(size, tile, expected):
    # steps = ceil((size - tile) / (tile / 2)) + 1, at round(k * (size - tile) / (steps - 1)), halves to even
    assert list(window_grid((size,), (tile,), 0.5, "even").starts[0]) == expected


@pytest.mark.parametrize(
    "name", ["torch-fp32", "torch-bf16", "torch-bf16-channels_last", "openvino-fp32", "onnx-fp32"]
)
def test_every_runtime_gives_the_scores(name):
    import torch

    runtime = name.partition("-")[0]
    pytest.importorskip({"openvino": "openvino", "onnx": "onnxruntime"}.get(runtime, "torch"))
    network = random_model(tile=[16, 16, 16], network=DEEP).network
    windows = torch.randn(2, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = network(windows)
        forward = open_forward(network, Setting.parse(name), (3, 1, 16, 16, 16), torch.device("cpu"))
        found = forward(windows)  # two windows where three were announced
    assert found.dtype == torch.float32
    tolerance = 0.05 if "bf16" in name else 1e-4  # 8 bits of mantissa against 24
    assert float((found - expected).abs().max() / expected.abs().max()) < tolerance


def test_openvino_is_asked_without_its_report_of_use(monkeypatch):
    import torch

    telemetry = pytest.importorskip("openvino_telemetry")
    pytest.importorskip("openvino")

    def reported(*args, **options):
        raise AssertionError("openvino would report its use over the network")

    monkeypatch.setattr(telemetry.Telemetry, "__new__", reported)
    network = random_model(network=DEEP).network
    open_forward(network, Setting("openvino", "fp32"), (1, 1, 16, 16), torch.device("cpu"))


ASKED_TO_STOP = """
import faulthandler, gc, signal, sys
import torch
from napari_medai.models.forward import Setting, open_forward
faulthandler.enable()  # as pytest does, and many who look for a crash
signal.signal(signal.SIGINT, lambda *_: print("heard", flush=True))
first, second = (
    open_forward(torch.nn.Conv2d(1, 1, 3), Setting("openvino", "fp32"), (1, 1, 16, 16), torch.device("cpu"))
    for _ in range(2)
)
del first
gc.collect()
del second
gc.collect()
signal.raise_signal(signal.SIGINT)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_signal_is_heard_after_networks_of_openvino_are_gone():
    pytest.importorskip("openvino")
    done = subprocess.run([sys.executable, "-c", ASKED_TO_STOP], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "heard\n"), done.stderr


def test_a_setting_is_written_as_it_is_read():
    for text in ("torch-fp32", "compiled-bf16-channels_last", "openvino-bf16"):
        assert str(Setting.parse(text)) == text
    with pytest.raises(MedAIError, match="known: torch, compiled"):
        Setting.parse("caffe-fp32")


def test_a_runtime_that_cannot_run_says_why():
    import torch

    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    network = random_model(network=DEEP).network
    with pytest.raises(UnavailableError, match="fp16"):
        open_forward(network, Setting("onnx", "fp16"), (1, 1, 16, 16), torch.device("cpu"))


def probed(monkeypatch, wrong=0.0, case=True):
    """The choice between full precision and one faster setting, some of whose labels are wrong."""
    import torch

    truth = np.repeat([0, 1], 500)
    other = truth.copy()
    other[: round(wrong * 1000)] = 1
    fast, slow = Setting("torch", "bf16"), Setting()
    opening = {fast: "fast", slow: "slow"}
    monkeypatch.setattr(choose, "opened", lambda network, setting, *rest: opening[setting])
    monkeypatch.setattr(choose, "_candidates", lambda *rest: [fast])
    monkeypatch.setattr(choose, "_seconds", lambda forward, *rest: {"fast": 1.0, "slow": 2.0}[forward])
    labels = (lambda forward: {"fast": other, "slow": truth}[forward]) if case else None
    place = torch.device("cpu")
    return choose.choose_setting(None, "sha256:1", (1, 1, 8, 8), place, 100, labels)


def test_what_was_measured_last_is_forgotten_last(monkeypatch):
    monkeypatch.setattr(choice_store, "MOST", 3)
    for key in ("a", "b", "c", "a", "d"):
        choice_store.remember(key, "torch-fp32", {})
    assert [choice_store.recall(key) is not None for key in "abcd"] == [True, False, True, True]


def test_a_faster_setting_with_the_same_labels_is_chosen_and_remembered(monkeypatch):
    assert str(probed(monkeypatch, wrong=0.001).setting) == "torch-bf16"
    assert '"torch-bf16"' in choice_store.store_path().read_text()
    assert "measured before" in probed(monkeypatch).reason


@pytest.mark.parametrize("wrong", [0.003, 0.02])
def test_a_faster_setting_with_other_labels_is_not_chosen(monkeypatch, wrong):
    choice = probed(monkeypatch, wrong)  # 0.3 % fails by Dice alone, 2 % by agreement too
    assert choice.setting == Setting()
    assert "not equal enough" in choice.reason


def test_less_precision_needs_a_check_case(monkeypatch):
    assert probed(monkeypatch, case=False).setting == Setting()


def test_the_settings_pin_the_engine(monkeypatch):
    monkeypatch.setenv("NAPARI_MEDAI_ENGINE", "torch-bf16")
    labels = segment_image(threshold_model(0.0), noise_image((20, 20, 20)), how=How(quality="balanced"))
    assert labels.meta["engine"] == "The settings ask for torch-bf16."
    monkeypatch.setenv("NAPARI_MEDAI_ENGINE", "abacus")
    with pytest.raises(MedAIError, match="NAPARI_MEDAI_ENGINE"):
        segment_image(threshold_model(0.0), noise_image((20, 20, 20)), how=How(quality="balanced"))


def test_a_short_run_is_not_probed():
    model = random_model(tile=[16, 16, 16])
    image = noise_image((20, 20, 20))
    exact = segment_image(model, image)
    balanced = segment_image(model, image, how=How(quality="balanced"))
    np.testing.assert_array_equal(balanced.array, exact.array)
    assert "too short" in balanced.meta["engine"]


class Hungry:
    """A network that runs out of memory above some windows at a time."""

    def __init__(self, network, most):
        self.network, self.most, self.asked = network, most, []

    def __call__(self, budget):
        self.asked.append(budget.batch)
        if budget.batch > self.most:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        return "labels"


def test_memory_that_runs_out_makes_batches_smaller_and_says_so():
    said = []
    work = Hungry(None, 1)
    assert with_less_memory(work, Budget("cpu", 4, 10**6), said) == "labels"
    assert work.asked == [4, 2, 1]
    assert len(said) == 2
    assert "1 window(s) at a time instead of 2" in said[1]


def test_steps_go_down_to_the_processor_only_where_that_is_allowed():
    given, said = [], []

    def fail_on_gpu(budget):
        given.append((budget.batch, budget.sums_on, budget.device))
        if budget.device != "cpu":
            raise MemoryError
        return 1

    with pytest.raises(MedAIError, match="allow the processor"):
        with_less_memory(fail_on_gpu, Budget("cuda", 2, 10**6), said)
    assert {device for *_, device in given} == {"cuda"}
    assert given[-1] == (1, "cpu", "cuda")
    assert with_less_memory(fail_on_gpu, Budget("cuda", 2, 10**6), said, cpu_allowed=True) == 1
    assert given[-1] == (1, "", "cpu")


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    def fail(budget):
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        with_less_memory(fail, Budget("cpu", 4, 10**6), [])


def test_a_lack_of_memory_is_told_with_the_labels(monkeypatch):
    from napari_medai.models import engine

    real = engine.run_windows
    tries = []

    def scarce(forward, volume, grid, plan, *rest, **options):
        tries.append(plan.batch)
        if plan.batch > 8:
            raise MemoryError
        real(forward, volume, grid, plan, *rest, **options)

    monkeypatch.setattr(engine, "run_windows", scarce)
    labels = segment_image(threshold_model(0.0), noise_image((40, 30, 30)))
    assert tries == [32, 16, 8]
    assert labels.meta["notices"][0].startswith("Memory ran out; went on with 16")
    np.testing.assert_array_equal(labels.array, noise_image((40, 30, 30)).array > 0)


def test_only_a_region_is_labelled_and_looked_at():
    image = noise_image((40, 40, 40))
    region = np.zeros((40, 40, 40), np.uint8)
    region[4:12, 5:15, 30:39] = 1
    mask = MedicalImage(region, "zyx", image.geometry, "labels")
    heard = []
    labels = segment_image(
        threshold_model(0.0), image, region=mask, progress=lambda step: heard.append(step.message)
    )
    np.testing.assert_array_equal(labels.array, (image.array > 0) & (region > 0))


def test_a_finder_says_where_to_look():
    image = noise_image((48, 48, 48), seed=2)
    array = image.array.copy()
    array[30:40, 10:20, 25:35] += 20
    image = image.with_array(array)
    labels = segment_image(threshold_model(0.0), image, finder=threshold_model(10.0))
    found = labels.array > 0
    inside = np.zeros(array.shape, bool)
    inside[30:40, 10:20, 25:35] = True
    assert found[inside].all()
    assert not found[:8].any()  # far from what the finder found no window was looked at
    nothing = segment_image(threshold_model(0.0), image, finder=threshold_model(1e6))
    assert not nothing.array.any()


def test_fast_leaves_air_out_and_keeps_the_rest():
    array = np.zeros((64, 64, 64), np.float32)
    array[20:40, 20:40, 20:40] = 100
    from napari_medai import Geometry

    image = MedicalImage(array, "zyx", Geometry.from_spacing(array.shape, (1, 1, 1)))
    labels = segment_image(threshold_model(50.0), image, how=How(quality="fast"))
    np.testing.assert_array_equal(labels.array, array > 50)


def test_otsu_agrees_with_scikit_image():
    from skimage.filters import threshold_otsu

    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0, 1, 4000), rng.normal(9, 1, 6000)]).astype(np.float32)
    assert abs(otsu_threshold(values) - threshold_otsu(values)) < 0.3  # the top half per cent is clipped


def test_bounds_reach_at_least_a_window_and_stay_inside():
    mask = np.zeros((50, 20, 60), bool)
    mask[49, 3, 30] = True
    bounds = bounds_of(mask, (16, 32, 16), 0.5)
    assert [(s.start, s.stop) for s in bounds.box][1] == (0, 20)
    assert all(
        s.stop - s.start >= min(n, t) for s, n, t in zip(bounds.box, mask.shape, (16, 32, 16), strict=True)
    )
    assert bounds.mask.any()


def test_mirrored_copies_are_averaged():
    import torch

    model = random_model(tile=[16, 16], mirror_axes=[0, 1], network=DEEP)
    image = noise_image((16, 16))
    windows = torch.from_numpy(image.array.copy())[None, None]
    with torch.inference_mode():
        copies = [
            model.network(windows.flip(f)).flip(f) if f else model.network(windows)
            for f in ((), (2,), (3,), (2, 3))
        ]
    expected = torch.stack(copies).mean(dim=0)[0].argmax(dim=0).numpy()
    np.testing.assert_array_equal(segment_image(model, image).array, expected)
    once = segment_image(model, image, how=How(quality="balanced"))
    np.testing.assert_array_equal(once.array, copies[0][0].argmax(dim=0).numpy())


def test_members_of_an_ensemble_are_averaged_and_can_be_stopped_between():
    from dataclasses import replace

    import torch

    one, two = random_model(0, network=DEEP), random_model(1, network=DEEP, members=2)
    both = replace(two, others=(one.network,))
    image = noise_image((16, 16))
    windows = torch.from_numpy(image.array.copy())[None, None]
    with torch.inference_mode():
        expected = (one.network(windows) + two.network(windows))[0].argmax(dim=0).numpy()
    heard = []
    labels = segment_image(both, image, progress=lambda step: heard.append(step.message))
    np.testing.assert_array_equal(labels.array, expected)
    assert heard.count("Predicting") >= 4  # the batch itself, each member, and the end

    def stop(step):
        heard.append(step.message)
        if heard.count("Predicting") == 2:
            raise Cancelled

    heard.clear()
    with pytest.raises(Cancelled):
        segment_image(both, image, progress=stop)


def test_windows_of_one_value_are_predicted_once():
    import torch

    calls = []

    def forward(windows):
        calls.append(len(windows))
        return windows.repeat(1, 2, 1, 1) + torch.arange(16.0)

    volume = np.zeros((1, 64, 64), np.float32)
    volume[0, 40:, 40:] = np.random.default_rng(0).normal(size=(24, 24))
    grid = window_grid((64, 64), (16, 16), 0.5)
    results = []
    for reuse in (False, True):
        calls.clear()
        whole = np.empty((2, 64, 64), np.float32)

        def put(brick, box, whole=whole):
            whole[(slice(None), *box)] = brick.numpy()

        run_windows(forward, volume, grid, Plan(4, reuse=reuse), torch.device("cpu"), put)
        results.append((sum(calls), whole))
    assert results[1][0] < results[0][0] / 2
    np.testing.assert_array_equal(results[0][1], results[1][1])


def test_networks_are_kept_open_and_given_back():
    import torch

    network = random_model(network=DEEP).network
    shape, place = (1, 1, 16, 16), torch.device("cpu")
    first = opened.opened(network, Setting("torch", "fp32", "channels_last"), shape, place)
    assert opened.opened(network, Setting("torch", "fp32", "channels_last"), shape, place) is first
    assert opened.release_networks() == 1
    assert opened.opened(network, Setting("torch", "fp32", "channels_last"), shape, place) is not first


def test_the_estimate_counts_windows_and_grows_with_the_image():
    model = random_model(tile=[16, 16, 16], spacing=[2.0, 2.0, 2.0])
    small = estimate(model.spec, noise_image((32, 32, 32), (1, 1, 1)), How())
    large = estimate(model.spec, noise_image((96, 96, 96), (2, 2, 2)), How())
    assert small.windows == 1
    assert large.windows == len(window_grid((96, 96, 96), (16, 16, 16), 0.5))
    assert large.bytes > 4 * 96**3
    assert str(large).startswith(f"{large.windows} windows, about")
    balanced = estimate(model.spec, noise_image((96, 96, 96), (2, 2, 2)), How(quality="balanced"))
    assert str(balanced) == f"at most {large}"


def test_the_case_of_a_model_judges_its_settings():
    model = random_model(tile=[16, 16, 16], network=DEEP)
    image = noise_image((20, 20, 20))
    from dataclasses import replace

    import torch

    from napari_medai.models.engine import case_labels

    judged = replace(model, case=CheckCase(image, segment_image(model, image)))
    labels = case_labels(judged, (1, 1, 16, 16, 16), torch.device("cpu"))
    with torch.inference_mode():
        found = labels(lambda windows: model.network(windows))
    expected = tiled_scores(model.network, image.array[None], (16, 16, 16), overlap=0.25).argmax(0)
    np.testing.assert_array_equal(found, expected)
