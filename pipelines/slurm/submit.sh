#!/bin/bash
# Submits the tasks of this folder with the MGC_ variables of now. Arguments go to the training tasks in place of
# --gpus-per-task=1, as in: {{ folder }}/submit.sh --gres=gpu:h100:1 --partition=long --time=8:00:00
set -e
if [ $# -eq 0 ]; then set -- --gpus-per-task=1; fi
{% for variable in variables -%}
export {{ variable }}
{% endfor -%}
after=()
{% for stage in stages -%}
job=$(sbatch --parsable "${after[@]}" "$@" {{ folder }}/{{ stage }}.sbatch)
echo "{{ stage }}: job $job"
after=("--dependency=afterany:$job")
{% endfor -%}
echo "report: job $(sbatch --parsable "${after[@]}" {{ folder }}/report.sbatch)"
