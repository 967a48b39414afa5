import hypothesis
import pytest

# How long a case takes says nothing here: the machine may be busy.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


@pytest.fixture
def runtime(tmp_path):
    """How a run is executed here: on the CPU, saving at each epoch."""
    from tests.unit.mgc_models.tiny_runtime import runtime_in  # loads torch, which not every test needs

    return runtime_in(tmp_path)
