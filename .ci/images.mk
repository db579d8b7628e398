# The images: what each installs, and what its label says of it. The lineage's client goes wherever MLflow isn't.

install-core := slmworks[run,s3,sign]
about-core := slmworks: fetches, evaluates, judges, registers

install-text := slmworks[s3,lineage] slmworks-text[run] slmworks-text[documents] slmworks-hosted[run]
about-text := slmworks: curates text

# It also evaluates what only torch can load.
install-torch := slmworks[run,s3] slmworks-torch[run] slmworks-hosted[run]
about-torch := slmworks: trains and evaluates with PyTorch

install-onnx := slmworks[s3,lineage] slmworks-onnx[run]
about-onnx := slmworks: exports to ONNX and quantizes there

install-inc := slmworks[s3,lineage] slmworks-onnx[run] slmworks-inc[run] slmworks-inc[autoround]
about-inc := slmworks: quantizes with Intel Neural Compressor

install-gguf := slmworks[s3,lineage] slmworks-gguf[run] slmworks-hosted[run]
about-gguf := slmworks: reads, writes and quantizes GGUF

# Whatever asks a teacher can ask a hosted one: the images above have it too.
install-hosted := slmworks[s3,lineage] slmworks-hosted[run]
about-hosted := slmworks: asks hosted models

# What the harness asks is computed by torch or llama.cpp.
install-lm-eval := slmworks[run,s3] slmworks-lm-eval[run] slmworks-torch[run] slmworks-gguf[run]
about-lm-eval := slmworks: measures generators by task files of lm-evaluation-harness

# It answers, generators too: without torch and without MLflow.
install-serve := slmworks[s3,sign] slmworks-serve[run] slmworks-serve[hand-off] slmworks-gguf[serve,retrieval]
about-serve := slmworks: serves an approved release

install-kubernetes := slmworks[s3,lineage,sign] slmworks-kubernetes[run]
about-kubernetes := slmworks: tells a cluster what to serve
