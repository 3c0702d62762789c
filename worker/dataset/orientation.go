package dataset

import (
	"encoding/binary"
	"io"
)

// Cameras write pictures as their sensor lies and note how to hold them: the tag
// Orientation of EXIF, 1 to 8. It stands in a block that is a small TIFF file: that of
// JPEG in a segment APP1, that of PNG in a chunk eXIf, that of WebP in a chunk EXIF.

// upright is the orientation of a picture that is stored as it is seen.
const upright orientation = 1

// orientation is how a stored picture has to be turned: row 0 and column 0 of what is
// stored are the sides that the EXIF standard lists for 1 to 8.
type orientation int

// sideways reports whether rows and columns change places.
func (o orientation) sideways() bool { return o >= 5 }

// seen returns the size of a picture of a stored size.
func (o orientation) seen(stored pictureSize) pictureSize {
	if o.sideways() {
		return pictureSize{stored.h, stored.w}
	}
	return stored
}

// turn writes a stored plane into dst as it is seen.
func (o orientation) turn(dst, src []byte, stored pictureSize) {
	w, h := stored.w, stored.h
	seen := o.seen(stored)
	for y := range seen.h {
		row := dst[y*seen.w : (y+1)*seen.w]
		// At (x, y) is what is stored at start + x step.
		var start, step int
		switch o {
		case 2: // mirrored
			start, step = y*w+w-1, -1
		case 3: // upside down
			start, step = (h-1-y)*w+w-1, -1
		case 4: // upside down and mirrored
			start, step = (h-1-y)*w, 1
		case 5: // rows are columns
			start, step = y, w
		case 6: // the picture is to be turned to the right
			start, step = (h-1)*w+y, -w
		case 7: // rows are columns, from the other corner
			start, step = (h-1)*w+w-1-y, -w
		case 8: // the picture is to be turned to the left
			start, step = w-1-y, w
		default:
			start, step = y*w, 1
		}
		for x := range row {
			row[x] = src[start]
			start += step
		}
	}
}

// maxBlocks bounds the segments or chunks that are looked through for EXIF.
const maxBlocks = 1 << 12

// orientationOf returns how a picture's file says that it lies; upright where it does not say.
func orientationOf(r io.ReaderAt) orientation {
	head := make([]byte, 12)
	n, _ := r.ReadAt(head, 0)
	switch head := string(head[:n]); {
	case len(head) < 12:
		return upright
	case head[:2] == "\xff\xd8":
		return inJPEG(r)
	case head[:4] == "\x89PNG":
		return inChunks(r, 8, binary.BigEndian, true, "eXIf")
	case head[:4] == "RIFF":
		return inChunks(r, 12, binary.LittleEndian, false, "EXIF")
	case head[:4] == "II*\x00", head[:4] == "MM\x00*":
		return inTIFF(r, 0)
	}
	return upright
}

// inJPEG looks through the segments before the first scan.
func inJPEG(r io.ReaderAt) orientation {
	at := int64(2)
	for range maxBlocks {
		var b [10]byte
		if n, _ := r.ReadAt(b[:], at); n < len(b) || b[0] != 0xff {
			return upright
		}
		switch marker := b[1]; {
		case marker == 0xff: // filling
			at++
			continue
		case marker == 0xda, marker == 0xd9:
			return upright
		case marker == 0xe1 && string(b[4:]) == "Exif\x00\x00":
			return inTIFF(r, at+int64(len(b)))
		}
		at += 2 + int64(binary.BigEndian.Uint16(b[2:]))
	}
	return upright
}

// inChunks looks for a chunk of a kind from a position on. A chunk of PNG begins with its
// length and ends with a checksum; one of RIFF begins with its kind and has an even length.
func inChunks(r io.ReaderAt, at int64, order binary.ByteOrder, png bool, kind string) orientation {
	for range maxBlocks {
		var b [8]byte
		if n, _ := r.ReadAt(b[:], at); n < len(b) {
			return upright
		}
		name, length := string(b[:4]), int64(order.Uint32(b[4:]))
		next := at + 8 + length + length&1
		if png {
			name, length = string(b[4:]), int64(order.Uint32(b[:]))
			next = at + 12 + length
		}
		if name == kind {
			at += 8
			var six [6]byte
			if n, _ := r.ReadAt(six[:], at); n == len(six) && string(six[:]) == "Exif\x00\x00" { // some write JPEG's prefix too
				at += int64(n)
			}
			return inTIFF(r, at)
		}
		at = next
	}
	return upright
}

// inTIFF reads the tag in the first directory of the TIFF file that begins at a position.
func inTIFF(r io.ReaderAt, base int64) orientation {
	var head [8]byte
	if n, _ := r.ReadAt(head[:], base); n < len(head) {
		return upright
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch string(head[:4]) {
	case "MM\x00*":
		order = binary.BigEndian
	case "II*\x00":
	default:
		return upright
	}
	at := base + int64(order.Uint32(head[4:]))
	var count [2]byte
	if n, _ := r.ReadAt(count[:], at); n < len(count) {
		return upright
	}
	const tagOrientation, short = 0x112, 3
	for i := range min(int64(order.Uint16(count[:])), maxBlocks) {
		var entry [12]byte
		if n, _ := r.ReadAt(entry[:], at+2+12*i); n < len(entry) {
			return upright
		}
		if order.Uint16(entry[:]) != tagOrientation {
			continue
		}
		if v := order.Uint16(entry[8:]); order.Uint16(entry[2:]) == short && v >= 1 && v <= 8 {
			return orientation(v)
		}
		return upright
	}
	return upright
}
