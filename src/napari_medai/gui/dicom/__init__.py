"""The DICOM browser, on the scan that ``napari-medai info`` uses."""
