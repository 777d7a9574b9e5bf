/* fft: Fourier transforms of 400 real samples, several side by side. */
#ifndef SOUND_FFT_H
#define SOUND_FFT_H

/* Transforms are done FFT_LANES at a time, so that the compiler can use vectors: an array's last
 * index says whose number it is. */
enum { FFT_N = 400, FFT_BINS = FFT_N / 2 + 1, FFT_LANES = 4 };

struct fft {
    double cosine[FFT_N], sine[FFT_N]; /* of 2 pi n / 400 */
};

void fft_init(struct fft *f);
/* power[k] = |sum_n x[n] exp(-2 pi i n k / 400)|^2, of x[n] and power[k] in the same lane. The
 * same numbers give the same bits in every lane. */
void fft_power(const struct fft *f, double x[FFT_N][FFT_LANES], double power[FFT_BINS][FFT_LANES]);

#endif
