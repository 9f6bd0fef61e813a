#!/bin/sh
# Settings first, then the service, in the place of this shell: it has to be process 1, because that one gets the signals.
export PACKERS="${PACKERS:-2}"
echo "starting with $PACKERS packers"
exec python app.py
