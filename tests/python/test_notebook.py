"""docs/notebook.ipynb runs from its first cell to its last, and what it shows is what it says."""

import os
import unittest

from program import PROGRAM, ROOT, needs

NOTEBOOK = ROOT / "docs" / "notebook.ipynb"


@needs("nbclient", "ipykernel", "polars", "matplotlib")
class Notebook(unittest.TestCase):
    def test_runs(self):
        import nbclient
        import nbformat

        notebook = nbformat.read(NOTEBOOK, as_version=4)
        nbformat.validate(notebook)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        self.assertFalse(any(cell.outputs for cell in code), "the notebook is kept without outputs")

        environment = {**os.environ, "UNDERCURRENT": str(PROGRAM), "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
        client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOK.parent)}})
        client.execute(env=environment)
        outputs = [output for cell in code for output in cell.outputs]
        shown = [output.get("data", {}) for output in outputs]
        self.assertEqual(sum("image/png" in data for data in shown), 3)
        tables = "".join(data.get("text/plain", "") for data in shown)
        self.assertIn("api.metrics-relay.example", tables)
        printed = "".join(output.get("text", "") for output in outputs)
        self.assertIn("reproduced: ", printed)


if __name__ == "__main__":
    unittest.main()
