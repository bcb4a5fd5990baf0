"""The model as a service: photo bytes in, labels out."""
