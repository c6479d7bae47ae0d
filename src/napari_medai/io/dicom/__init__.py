"""DICOM: scan -> series -> geometry -> pixels."""
