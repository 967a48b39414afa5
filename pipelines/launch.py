"""Starts training in a child process and reports it to Dagster; no tensor library is loaded here."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.pipes.subprocess import PipesSubprocessClient
from dagster_pipes import DagsterPipesError
