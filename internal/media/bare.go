package media

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/fieldpost/fieldpost/internal/fault"
)

// Bare checks that a file is a picture of its type and nothing else: no EXIF,
// no XMP, no comment, no colour profile (cameras sign those with their names),
// no second picture, and no byte behind the end. The app makes photos so; this
// is for what did not come from the app. photo_has_metadata, or photo_differs
// for what is no such picture.
func Bare(r io.Reader, kind string) error {
	in := bufio.NewReaderSize(r, 64<<10)
	var err error
	if kind == "image/webp" {
		err = bareWebP(in)
	} else {
		err = bareJPEG(in)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return noPicture("It ends before its end.")
	}
	return err
}

func noPicture(why string) error {
	return fault.New(fault.PhotoDiffers, "This is no such picture as the record says. "+why)
}

func beside(what string) error {
	return fault.New(fault.PhotoHasMetadata, "The photo carries "+what+" beside the picture.")
}

// The segments of a JPEG (ITU T.81, B.1).
const (
	soi, eoi, sos = 0xD8, 0xD9, 0xDA
	app0, app15   = 0xE0, 0xEF
	adobe         = 0xEE
	com           = 0xFE
	dqt, dnl, dri = 0xDB, 0xDC, 0xDD
)

// bareJPEG walks the segments. Of what applications add, only the bare JFIF
// head and Adobe's word on colours, both of fixed form, are let through.
func bareJPEG(in *bufio.Reader) error {
	if b, err := in.Peek(2); err != nil || b[0] != 0xFF || b[1] != soi {
		return noPicture("It is no JPEG.")
	}
	if _, err := in.Discard(2); err != nil {
		return err
	}
	marker, err := nextMarker(in)
	for drawn := false; ; {
		if err != nil {
			return err
		}
		if marker == eoi {
			if !drawn {
				return noPicture("There is no picture in it.")
			}
			if _, err := in.ReadByte(); err == nil {
				return beside("something behind its end")
			}
			return nil
		}
		body, err2 := segment(in)
		if err2 != nil {
			return err2
		}
		switch {
		case marker == app0:
			// Version, density, and a thumbnail of no size.
			if len(body) != 14 || !bytes.HasPrefix(body, []byte("JFIF\x00")) || body[12] != 0 || body[13] != 0 {
				return beside("a head of its own")
			}
		case marker == adobe:
			if len(body) != 12 || !bytes.HasPrefix(body, []byte("Adobe")) {
				return beside("a program's own data")
			}
		case marker > app0 && marker <= app15:
			return beside("EXIF, XMP or a program's own data")
		case marker == com:
			return beside("a comment")
		case marker == sos:
			drawn = true
			if marker, err = scan(in); err != nil {
				return err
			}
			continue
		case marker >= 0xC0 && marker <= 0xCF, marker == dqt, marker == dri, marker == dnl:
			// Frame, tables, restart interval, number of lines: what draws.
		default:
			return beside("a segment that draws nothing")
		}
		marker, err = nextMarker(in)
	}
}

// nextMarker reads a marker; bytes FF before it fill.
func nextMarker(in *bufio.Reader) (byte, error) {
	b, err := in.ReadByte()
	if err != nil {
		return 0, err
	}
	if b != 0xFF {
		return 0, noPicture("A segment does not end where it says.")
	}
	for b == 0xFF && err == nil {
		b, err = in.ReadByte()
	}
	return b, err
}

func segment(in *bufio.Reader) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(in, size[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(size[:])) - 2
	if n < 0 {
		return nil, noPicture("A segment has no length.")
	}
	body := make([]byte, n)
	_, err := io.ReadFull(in, body)
	return body, err
}

// scan reads what a scan draws, to the marker behind it.
func scan(in *bufio.Reader) (byte, error) {
	for {
		b, err := in.ReadByte()
		if err != nil {
			return 0, err
		}
		if b != 0xFF {
			continue
		}
		for b == 0xFF && err == nil {
			b, err = in.ReadByte()
		}
		if err != nil || b != 0 && (b < 0xD0 || b > 0xD7) { // not stuffing, not a restart
			return b, err
		}
	}
}

// bareWebP walks the chunks of a WebP: a picture and its transparency.
func bareWebP(in *bufio.Reader) error {
	var head [12]byte
	if _, err := io.ReadFull(in, head[:]); err != nil || string(head[:4]) != "RIFF" || string(head[8:]) != "WEBP" {
		return noPicture("It is no WebP.")
	}
	left := int64(binary.LittleEndian.Uint32(head[4:])) - 4
	drawn := false
	for left > 0 {
		var chunk [8]byte
		if _, err := io.ReadFull(in, chunk[:]); err != nil {
			return err
		}
		size := int64(binary.LittleEndian.Uint32(chunk[4:]))
		size += size & 1
		switch name := string(chunk[:4]); name {
		case "VP8 ", "VP8L":
			if drawn {
				return beside("a second picture")
			}
			drawn = true
		case "VP8X", "ALPH":
		case "EXIF", "XMP ", "ICCP":
			return beside("EXIF, XMP or a colour profile")
		default:
			return beside("something that draws nothing")
		}
		if left -= 8 + size; left < 0 {
			return noPicture("A chunk is longer than the file.")
		}
		if _, err := io.CopyN(io.Discard, in, size); err != nil {
			return err
		}
	}
	if !drawn {
		return noPicture("There is no picture in it.")
	}
	if _, err := in.ReadByte(); err == nil {
		return beside("something behind its end")
	}
	return nil
}
