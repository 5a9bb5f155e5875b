# FFmpeg: synthetic video and audio through several codecs, checksums of every frame.
# tier: full
# packages: ffmpeg
# timeout: 900
# compare: peer
cd /work
# Scaling and transforms differ between architectures in the last bit, hence the comparison with the peer.
common="-hide_banner -loglevel error -y -bitexact"
ffmpeg $common -f lavfi -i testsrc=size=320x240:rate=10:duration=2 -pix_fmt yuv420p -f framemd5 - | grep -v '^#' | head -3
ffmpeg $common -f lavfi -i testsrc=size=320x240:rate=10:duration=2 -pix_fmt yuv420p -c:v ffv1 lossless.mkv && ffmpeg $common -i lossless.mkv -f md5 -
for codec in "mpeg4 -qscale:v 4 -idct simple -dct int" "mjpeg -idct simple -dct int -qscale:v 3 -pix_fmt yuvj420p" "huffyuv -pix_fmt yuv422p" "png -pix_fmt rgb24"; do
    ffmpeg $common -i lossless.mkv -threads 1 -flags +bitexact -sws_flags bitexact+accurate_rnd -c:v $codec out.mkv && ffmpeg $common -idct simple -i out.mkv -flags +bitexact -f framecrc - | grep -v '^#' | md5sum
done
ffmpeg $common -i lossless.mkv -threads 2 -c:v libx264 -preset veryfast -qp 20 out.mp4 && ffmpeg $common -i out.mp4 -f framecrc - 2>/dev/null | grep -vc '^#'
ffmpeg $common -f lavfi -i sine=frequency=440:duration=3 -c:a flac out.flac && ffmpeg $common -i out.flac -f md5 -
ffmpeg $common -i out.flac -c:a libopus -b:a 64k out.opus && ffprobe -hide_banner -loglevel error -show_entries stream=codec_name,sample_rate out.opus
