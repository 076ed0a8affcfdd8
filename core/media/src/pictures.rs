//! Pictures in another form, for networks that do not show theirs.
//!
//! Nothing is believed of a picture: its size is read before anything is unpacked, and what unpacking may take is bounded.
//! This is work for a thread of its own.

use std::io::Cursor;

use bytes::Bytes;
use image::{
    DynamicImage, ImageDecoder as _, ImageError, ImageFormat, ImageReader, Limits, RgbImage,
    codecs::{jpeg::JpegEncoder, png::PngEncoder},
};

/// Most pixels of a picture that is turned into another form. Cameras of telephones make up to 50 million and let it be
/// 12; at four bytes each these are 160 MB while it lasts.
pub const PIXELS_MAX: u64 = 40_000_000;
/// Longest side, in pixels.
const SIDE_MAX: u32 = 16_384;
/// What unpacking may take, in bytes.
const MEMORY_MAX: u64 = 256 << 20;
/// How faithful a JPEG is, of 100.
const QUALITY: u8 = 88;

const JPEG: &str = "image/jpeg";
const PNG: &str = "image/png";

/// A picture in another form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Its type: `image/jpeg` or `image/png`.
    pub mime_type: &'static str,
    /// Its bytes.
    pub bytes: Bytes,
}

/// Why a picture was not turned into another form.
#[derive(Debug, thiserror::Error)]
pub enum NotConverted {
    /// It is larger than what is unpacked.
    #[error("the picture has {width} × {height} pixels, {PIXELS_MAX} in all are turned into another form")]
    TooManyPixels {
        /// Its width in pixels, as it says.
        width: u32,
        /// Its height in pixels, as it says.
        height: u32,
    },
    /// It is not what its beginning says, or unpacking it takes more than is given.
    #[error("the picture cannot be read: {0}")]
    Unreadable(#[from] ImageError),
    /// It is of a type that is not unpacked here.
    #[error("pictures of the type {0} are not turned into another form")]
    Unknown(String),
    /// In every form that is possible it has too many bytes.
    #[error("the picture has {size} bytes as a JPEG, {limit} are possible")]
    TooLarge {
        /// Its bytes as a JPEG.
        size: usize,
        /// What is possible, in bytes.
        limit: usize,
    },
}

/// Whether pictures of this type can be turned into another form.
pub fn is_convertible(mime_type: &str) -> bool {
    format(mime_type).is_some()
}

fn format(mime_type: &str) -> Option<ImageFormat> {
    match mime_type {
        JPEG => Some(ImageFormat::Jpeg),
        PNG => Some(ImageFormat::Png),
        "image/webp" => Some(ImageFormat::WebP),
        "image/gif" => Some(ImageFormat::Gif),
        "image/bmp" => Some(ImageFormat::Bmp),
        _ => None,
    }
}

/// The picture as a PNG where something shows through it, else as a JPEG, of at most so many bytes; a PNG that is too
/// large becomes a JPEG on white. Of an animation it is the first picture. What a camera wrote beside the picture, where it
/// was taken for instance, is left out.
pub fn convert(bytes: &[u8], mime_type: &str, limit: usize) -> Result<Picture, NotConverted> {
    let image = read(bytes, mime_type)?;
    let see_through =
        image.color().has_alpha() && image.to_rgba8().pixels().any(|pixel| pixel.0[3] < u8::MAX);
    if see_through {
        let mut png = Vec::new();
        image.to_rgba8().write_with_encoder(PngEncoder::new(&mut png))?;
        if png.len() <= limit {
            return Ok(Picture { mime_type: PNG, bytes: png.into() });
        }
    }
    let plain = if see_through { on_white(&image) } else { image.into_rgb8() };
    let mut jpeg = Vec::new();
    plain.write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, QUALITY))?;
    if jpeg.len() > limit {
        return Err(NotConverted::TooLarge { size: jpeg.len(), limit });
    }
    Ok(Picture { mime_type: JPEG, bytes: jpeg.into() })
}

/// Unpacks a picture, upright.
fn read(bytes: &[u8], mime_type: &str) -> Result<DynamicImage, NotConverted> {
    let format = format(mime_type).ok_or_else(|| NotConverted::Unknown(mime_type.to_owned()))?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MEMORY_MAX);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    if width.max(height) > SIDE_MAX || u64::from(width) * u64::from(height) > PIXELS_MAX {
        return Err(NotConverted::TooManyPixels { width, height });
    }
    decoder.set_limits(limits)?;
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

fn on_white(image: &DynamicImage) -> RgbImage {
    let image = image.to_rgba8();
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let [red, green, blue, alpha] = image.get_pixel(x, y).0;
        let alpha = u16::from(alpha);
        let over = |part: u8| {
            let mixed = (u16::from(part) * alpha + 255 * (255 - alpha)) / 255;
            u8::try_from(mixed).unwrap_or(u8::MAX)
        };
        image::Rgb([over(red), over(green), over(blue)])
    })
}

#[cfg(test)]
mod tests {
    use image::{Rgba, RgbaImage};
    use proptest::prelude::*;

    use super::*;
    use crate::kind;

    fn written(image: &RgbaImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let image = DynamicImage::ImageRgba8(image.clone());
        let image = if format == ImageFormat::Bmp { image.into_rgb8().into() } else { image };
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    /// A red picture whose left half is as see-through as that.
    fn red(alpha: u8) -> RgbaImage {
        RgbaImage::from_fn(32, 16, |x, _| Rgba([200, 0, 0, if x < 16 { alpha } else { 255 }]))
    }

    fn shown(picture: &Picture) -> DynamicImage {
        assert_eq!(kind::of(&picture.bytes, None), picture.mime_type);
        image::load_from_memory(&picture.bytes).unwrap()
    }

    #[test]
    fn every_known_form_becomes_one_that_is_shown_everywhere() {
        for (mime_type, format) in [
            ("image/webp", ImageFormat::WebP),
            ("image/gif", ImageFormat::Gif),
            ("image/bmp", ImageFormat::Bmp),
        ] {
            let picture = convert(&written(&red(255), format), mime_type, 1 << 20).unwrap();
            let shown = shown(&picture);
            assert_eq!((shown.width(), shown.height()), (32, 16), "{mime_type}");
            assert_eq!(picture.mime_type, "image/jpeg", "{mime_type}");
            let [red, green, ..] = shown.to_rgb8().get_pixel(8, 8).0;
            assert!(red > 180 && green < 30, "{mime_type}: {red} {green}");
        }
    }

    #[test]
    fn what_shows_through_goes_on_showing_through() {
        let bytes = written(&red(0), ImageFormat::WebP);
        let picture = convert(&bytes, "image/webp", 1 << 20).unwrap();
        assert_eq!(picture.mime_type, "image/png");
        assert_eq!(shown(&picture).to_rgba8().get_pixel(0, 0).0[3], 0);
    }

    #[test]
    fn png_that_is_too_large_is_a_jpeg_on_white() {
        let noise = RgbaImage::from_fn(64, 64, |x, y| {
            let part = |factor: u32| u8::try_from((x * factor + y * y * 31) % 256).unwrap();
            Rgba([part(97), part(57), part(193), if x < 32 { 0 } else { 255 }])
        });
        let bytes = written(&noise, ImageFormat::WebP);
        let most = convert(&bytes, "image/webp", 1 << 20).unwrap().bytes.len() - 1;
        let picture = convert(&bytes, "image/webp", most).unwrap();
        assert_eq!(picture.mime_type, "image/jpeg");
        assert!(shown(&picture).to_rgb8().get_pixel(2, 2).0.iter().all(|part| *part > 200));
        assert!(matches!(convert(&bytes, "image/webp", 100), Err(NotConverted::TooLarge { limit: 100, .. })));
    }

    #[test]
    fn huge_pictures_are_refused_before_they_are_unpacked() {
        // A bitmap's head that promises 60 000 × 60 000 pixels, and nothing behind it.
        let mut bmp = b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
        bmp.extend(60_000_i32.to_le_bytes());
        bmp.extend(60_000_i32.to_le_bytes());
        bmp.extend(b"\x01\0\x18\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert!(matches!(
            convert(&bmp, "image/bmp", 1 << 20),
            Err(NotConverted::TooManyPixels { width: 60_000, height: 60_000 })
        ));
        let mut gif = written(&red(255), ImageFormat::Gif);
        gif[6..10].copy_from_slice(&[0xff; 4]);
        assert!(matches!(convert(&gif, "image/gif", 1 << 20), Err(NotConverted::TooManyPixels { .. })));
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let webp = written(&red(255), ImageFormat::WebP);
        for (bytes, mime_type) in [
            (&webp[..20], "image/webp"),
            (b"GIF89a", "image/gif"),
            (b"<svg/>", "image/svg+xml"),
            (&webp, "image/gif"),
        ] {
            assert!(convert(bytes, mime_type, 1 << 20).is_err(), "{mime_type}");
        }
        assert!(
            is_convertible("image/webp") && !is_convertible("image/svg+xml") && !is_convertible("image/tiff")
        );
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(place in 0_usize..4096, byte in any::<u8>(), which in 0_usize..3) {
            let (mime_type, format) = [
                ("image/webp", ImageFormat::WebP), ("image/gif", ImageFormat::Gif), ("image/bmp", ImageFormat::Bmp),
            ][which];
            let mut bytes = written(&red(128), format);
            let place = place % bytes.len();
            bytes[place] = byte;
            // Whatever comes of it, it comes back.
            if let Ok(picture) = convert(&bytes, mime_type, 1 << 20) {
                prop_assert!(picture.bytes.len() <= 1 << 20);
            }
        }
    }
}
