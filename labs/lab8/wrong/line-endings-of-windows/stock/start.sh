#!/bin/sh
echo "stock is starting"
exec python app.py
