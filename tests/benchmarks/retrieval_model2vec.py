"""model2vec's part of `retrieval.py`, run by a Python that has model2vec[distill] and no slmworks.

    PYTHON retrieval_model2vec.py TEACHER_FOLDER TEXTS.json OUT_FOLDER DIMENSIONS

Distils a static model of the teacher, writes it and its embeddings of the texts, and prints texts a second.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from model2vec.distill import distill


def main() -> None:
    """Distil, embed and time."""
    teacher, texts, out, dimensions = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    model = distill(teacher, pca_dims=dimensions, quantize_to="float32")
    model.save_pretrained(str(out / "model"))
    asked = json.loads(texts.read_text(encoding="utf-8"))
    model.encode(asked[:256])
    begun = time.perf_counter()
    found = model.encode(asked, batch_size=32, use_multiprocessing=False)
    print(json.dumps({"texts_s": len(asked) / (time.perf_counter() - begun)}))
    np.save(out / "embeddings.npy", found)


if __name__ == "__main__":
    main()
