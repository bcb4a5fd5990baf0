"""Use the model: pyfunc, predictions, exports, the demo page. Photo bytes in, labels out."""
