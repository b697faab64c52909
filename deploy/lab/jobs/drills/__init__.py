"""Compromise drills by name."""

from jobs.drill import Drill
from jobs.drills.custodian_image import CustodianImage
from jobs.drills.kms_key import KmsKey
from jobs.drills.operator_key import OperatorKey
from jobs.drills.restored_disk import RestoredDisk
from jobs.drills.signer_key import SignerKey
from jobs.drills.worker_image import WorkerImage

DRILLS: dict[str, type[Drill]] = {
    "worker-image": WorkerImage,
    "operator-key": OperatorKey,
    "signer-key": SignerKey,
    "custodian-image": CustodianImage,
    "kms-key": KmsKey,
    "restored-disk": RestoredDisk,
}
