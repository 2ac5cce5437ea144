#!/bin/sh
# Install Marklens with its service out of this tree, in the versions of constraints.txt:
#   docker/install.sh FOLDER [cuda]
# FOLDER becomes a virtual environment. The images and the tests run this very script.
set -eu
folder=$1
cd "$(dirname "$0")/.."
"${PYTHON:-python3}" -m venv "$folder"
pip() { "$folder/bin/python" -m pip --no-cache-dir --disable-pip-version-check "$@"; }
pip install -c constraints.txt '.[serve,postgres]'
if [ "${2-cpu}" = cuda ]; then
    # both packages fill the same folder; 1.26 is built for CUDA 12, 1.31 for 13
    pip uninstall --yes onnxruntime
    pip install 'onnxruntime-gpu[cuda,cudnn]==1.26.0'
fi
pip uninstall --yes pip
