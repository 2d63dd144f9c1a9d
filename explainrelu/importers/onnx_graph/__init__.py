"""ONNX files, read into the operator graph."""
