"""A tiny CT series, slice by slice, of a patient with a name."""

from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian


def write_dicom(folder: Path, k: int) -> None:
    """Write slice k, 8 x 8 voxels of 0.8 mm, slices 2.5 mm apart."""
    data = pydicom.Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = CTImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = f"1.2.3.4.{k + 1}"
    data.SeriesInstanceUID, data.StudyInstanceUID, data.FrameOfReferenceUID = "1.2.3.5", "1.2.3.6", "1.2.3.7"
    data.Modality, data.InstanceNumber = "CT", k + 1
    data.PatientName, data.PatientID, data.PatientSex = "Doe^Jane", "4711", "F"
    data.PatientBirthDate, data.StudyDate = "19700101", "20200102"
    data.ImagePositionPatient, data.ImageOrientationPatient = [0, 0, 2.5 * k], [1, 0, 0, 0, 1, 0]
    data.PixelSpacing, data.SliceThickness = [0.8, 0.8], 2.5
    data.Rows = data.Columns = 8
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation, data.SamplesPerPixel = 15, 1, 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.PixelData = np.random.default_rng(k).integers(-99, 99, (8, 8)).astype("<i2").tobytes()
    data.save_as(folder / f"{k}.dcm", enforce_file_format=True)
