"""Apache Spark as the engine that spreads a curation: `curate: {engine: spark, …}` in an engine file."""
