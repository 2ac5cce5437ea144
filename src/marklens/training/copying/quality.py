"""What copying machines and web pages do to a picture."""

import cv2
import numpy as np

from marklens.core.types import Pixels


def blur(picture: Pixels, random: np.random.Generator, strength: float = 1.0) -> Pixels:
    """Blur, or scale down and up again."""
    height, width = picture.shape[:2]
    if random.random() < 0.5:
        sigma = random.uniform(0.5, 1.4) * strength * max(height, width) / 112
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)
    scale = random.uniform(0.35, 0.7)
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    method = cv2.INTER_LINEAR if random.random() < 0.7 else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(small, (width, height), interpolation=method), np.uint8)


def jpeg(picture: Pixels, random: np.random.Generator, strength: float = 1.0) -> Pixels:
    """Compress at a low quality."""
    quality = int(random.integers(max(3, round(18 / strength)), 70))
    _, encoded = cv2.imencode(
        ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, quality)
    )
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)
