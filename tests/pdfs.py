"""PDF files for tests, written by hand: lines of text on pages, bookmarks, a page that is a picture."""

from collections.abc import Sequence
from io import BytesIO


def pdf(
    pages: Sequence[Sequence[str]], bookmarks: Sequence[tuple[str, int]] = (), picture: bool = False
) -> bytes:
    """A document with these lines on its pages; `bookmarks`: titles and pages from 1; `picture`: on each."""
    kids = [5 + 2 * number for number in range(len(pages))]
    marks = [5 + 2 * len(pages) + number for number in range(len(bookmarks))]
    font = "/Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >> >>"
    images = "/XObject << /I 4 0 R >>" if picture else ""
    outlines = f"/Outlines << /First {marks[0]} 0 R /Last {marks[-1]} 0 R >>" if marks else ""
    objects = {
        1: f"<< /Type /Catalog /Pages 2 0 R {outlines} >>",
        2: f"<< /Type /Pages /Count {len(pages)} /Kids [{' '.join(f'{kid} 0 R' for kid in kids)}] >>",
        3: "<< >>",
        4: stream(
            "\0",
            "/Type /XObject /Subtype /Image /Width 1 /Height 1 /BitsPerComponent 8 /ColorSpace /DeviceGray",
        ),
    }
    for kid, lines in zip(kids, pages, strict=True):
        objects[kid] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {kid + 1} 0 R "
            f"/Resources << {font} {images} >> >>"
        )
        shown = "\n".join(f"({escaped(line)}) Tj T*" for line in lines)
        objects[kid + 1] = stream(
            f"{'q 100 0 0 100 0 0 cm /I Do Q' if picture else ''}\nBT /F1 11 Tf 14 TL 72 720 Td\n{shown}\nET"
        )
    for place, (mark, (title, page)) in enumerate(zip(marks, bookmarks, strict=True)):
        following = f"/Next {mark + 1} 0 R" if place + 1 < len(marks) else ""
        objects[mark] = f"<< /Title ({escaped(title)}) {following} /Dest [{kids[page - 1]} 0 R /Fit] >>"
    found, places = b"%PDF-1.4\n", []
    for number in sorted(objects):
        places.append(len(found))
        found += f"{number} 0 obj\n{objects[number]}\nendobj\n".encode("latin-1")
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n{table}trailer << /Size {len(places) + 1} /Root 1 0 R >>"
    return found + f"{end}\nstartxref\n{len(found)}\n%%EOF\n".encode()


def locked(content: bytes, password: str) -> bytes:
    """The document behind a password (RC4)."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(BytesIO(content)))
    writer.encrypt(password, "owner", algorithm="RC4-128")
    made = BytesIO()
    writer.write(made)
    return made.getvalue()


def bomb(size: int) -> bytes:
    """A document whose page unpacks to `size` bytes."""
    import zlib

    packed = zlib.compress(b" " * size, 9).decode("latin-1")
    page = pdf([["x"]]).decode("latin-1")
    start, end = page.index("6 0 obj"), page.index("endobj", page.index("6 0 obj"))
    return f"{page[:start]}6 0 obj\n{stream(packed, '/Filter /FlateDecode')}\n{page[end:]}".encode("latin-1")


def stream(content: str, about: str = "") -> str:
    return f"<< /Length {len(content)} {about} >>\nstream\n{content}\nendstream"


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
