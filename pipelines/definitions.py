"""The Dagster code location: which assets, jobs and resources there are. Nothing is implemented here."""

import warnings

import dagster as dg

warnings.filterwarnings("ignore", category=dg.BetaWarning)
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
