#!/bin/sh
# Settings first, then the service.
export PACKERS="${PACKERS:-2}"
echo "starting with $PACKERS packers"
python app.py
