import logging

import hypothesis
import pytest

# How long a case takes says nothing here: the machine may be busy.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


@pytest.fixture
def runtime(tmp_path):
    """How a run is executed here: on the CPU, saving at each epoch."""
    import torch

    from mgc_models.progress import EventLog
    from mgc_models.runtime import Runtime

    return Runtime(
        device=torch.device("cpu"),
        log=logging.getLogger("test"),
        events=EventLog(tmp_path / "events.jsonl"),
        resume_path=tmp_path / "resume.pt",
        checkpoint_every_s=60.0,
        compile=False,
        stop=lambda: None,
    )
