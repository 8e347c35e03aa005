"""Pictures and the networks that look at them."""

import os

# ONNX Runtime tells its maker of its use, and keeps an id of the machine in the user's cache folder, unless this
# stands here before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
