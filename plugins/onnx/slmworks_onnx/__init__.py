"""slmworks plugins that export to ONNX and quantize there."""
