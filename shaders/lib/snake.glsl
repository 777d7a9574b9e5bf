/* snake: BigVGAN's SnakeBeta, x + sin(x * exp(alpha))^2 / (exp(beta) + 1e-9). */
#ifndef SHADERS_SNAKE
#define SHADERS_SNAKE

#include "shaders/lib/math.glsl"

float snake_frequency(float alpha) {
    return expf(alpha);
}

float snake_magnitude(float beta) {
    return 1 / (expf(beta) + 1e-9);
}

float snake(float x, float frequency, float magnitude) {
    float sine = cos_sin(x * frequency).y;
    return x + magnitude * (sine * sine);
}

#endif
