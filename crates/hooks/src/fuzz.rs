//! Bodies of the fuzz targets, callable from tests.
