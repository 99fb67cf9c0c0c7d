package pages

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Brand is the look of the pages, as configured by those who run the relay.
type Brand struct {
	Name  string // shown at the top; "" shows none
	Logo  []byte // PNG, JPEG, WebP or SVG, at most 12 KiB; empty shows none
	Color string // of the main button, as "#1a5fb4"; "" is the relay's own
}

const (
	maxName      = 80
	maxLogo      = 12 << 10
	defaultColor = "#1a5fb4"
)

func checkName(name string) error {
	if utf8.RuneCountInString(name) > maxName {
		return fmt.Errorf("name: want at most %d characters, got %d", maxName, utf8.RuneCountInString(name))
	}
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return fmt.Errorf("name %q: want one line of UTF-8 text", name)
	}
	return nil
}

// logoURL returns the logo as a data URL, or "" without one. An SVG is shown as an image,
// so nothing in it runs and it fetches nothing.
func logoURL(logo []byte) (string, error) {
	if len(logo) == 0 {
		return "", nil
	}
	if len(logo) > maxLogo {
		return "", fmt.Errorf("logo: want at most %d bytes, got %d", maxLogo, len(logo))
	}
	mediaType, err := logoType(logo)
	if err != nil {
		return "", err
	}
	return "data:" + mediaType + ";base64," + base64.StdEncoding.EncodeToString(logo), nil
}

// logoType detects the media type of a logo from its bytes.
func logoType(logo []byte) (string, error) {
	switch {
	case bytes.HasPrefix(logo, []byte("\x89PNG\r\n\x1a\n")):
		return "image/png", nil
	case bytes.HasPrefix(logo, []byte("\xff\xd8\xff")):
		return "image/jpeg", nil
	case len(logo) > 12 && string(logo[:4]) == "RIFF" && string(logo[8:12]) == "WEBP":
		return "image/webp", nil
	}
	errOther := errors.New("logo: want PNG, JPEG, WebP or SVG, but the file is none of them")
	decoder := xml.NewDecoder(bytes.NewReader(logo))
	for {
		token, err := decoder.RawToken()
		if err != nil {
			return "", errOther
		}
		root, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if root.Name.Local != "svg" {
			return "", errOther
		}
		if !strings.Contains(string(logo), `http://www.w3.org/2000/svg`) {
			return "", errors.New(`logo: browsers show an SVG only if its first element has xmlns="http://www.w3.org/2000/svg"`)
		}
		return "image/svg+xml", nil
	}
}

var colorPattern = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

// rgb is a colour, each part from 0 to 255.
type rgb [3]float64

var (
	black = rgb{0, 0, 0}
	white = rgb{255, 255, 255}
)

func parseColor(s string) (rgb, error) {
	if !colorPattern.MatchString(s) {
		return rgb{}, fmt.Errorf("color %q: want # and six hexadecimal digits, such as %s", s, defaultColor)
	}
	var c rgb
	for i := range c {
		part, err := strconv.ParseUint(s[1+2*i:3+2*i], 16, 8)
		if err != nil {
			return rgb{}, err
		}
		c[i] = float64(part)
	}
	return c, nil
}

func (c rgb) String() string {
	return fmt.Sprintf("#%02x%02x%02x", int(math.Round(c[0])), int(math.Round(c[1])), int(math.Round(c[2])))
}

// luminance returns the relative luminance of WCAG 2.
func (c rgb) luminance() float64 {
	var linear rgb
	for i, part := range c {
		part = math.Round(part) / 255
		if part <= 0.04045 {
			linear[i] = part / 12.92
		} else {
			linear[i] = math.Pow((part+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*linear[0] + 0.7152*linear[1] + 0.0722*linear[2]
}

// contrast returns the contrast ratio of WCAG 2, from 1 to 21. Level AA requires 4.5
// between a text and its background.
func contrast(a, b rgb) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// textOn returns black or white, whichever is easier to read on c. One of them always
// has a contrast over 4.5.
func textOn(c rgb) rgb {
	if contrast(black, c) > contrast(white, c) {
		return black
	}
	return white
}

// readable returns c, moved towards another colour just far enough to be readable on
// background.
func readable(c, towards, background rgb) rgb {
	moved := c
	for share := 0.0; share <= 1 && contrast(moved, background) < 4.6; share += 0.02 {
		for i := range moved {
			moved[i] = c[i] + (towards[i]-c[i])*share
		}
	}
	return moved
}
