"""The letters of labels, as pixels: Aileron Regular (Sora Sagano, public domain), drawn once.

Fonts look different from one release of FreeType to the next; a sheet is the same bytes everywhere.
"""

from __future__ import annotations

__all__ = ["LARGE", "SMALL"]

Font = tuple[int, bytes, str]

SMALL: Font = (
    13,
    bytes.fromhex(
        "03030508080a09030404070803040304080808080808080808080303070807070c0908090907070a09030708070b090a080a"
        "08080909090d0909080404040807040708070807040808030307030b0809080805070408070b07070704030408"
    ),
    "c-nncO=ufO6n?vFd!>~o$-xI<uVWw7vZXOm!^A&z10xA+Fi~4ddnnCe<C6<%EQ1cYxE`%aXbS-~Q0SqiTWU(7mmC7chRACPa%d@xwE;onz"
    "#anarR1VRQetmswZH12@4?R7d2imldGC8O03k74u`x2ZMCPB=BuLVXI3w!f{@6F*%AdoB@If$-;Y6HYogZC-7h-Moa%EmQ6>;cK7VTVh2R"
    ";!Y57s(7MEPT@F2_#)0U5IAstnv|1!ZxSkyA1BTM723U+L8XE>!g<6=1xeHyLA1y)Yg*A=0Cfec@God?;QbdEDRjzA#K*yb+k3P0kvF??@"
    "^&DwgVG@YAC0!(yA*q(eGIqb;-|<3+keFeEvo7B!5bL`5dlV2a3=D@K~S(I65P`U1U6I`vZQ&4E4~!ylw;9XYPVfJKLJ4S@>QzGaA{F}&s"
    "h;Q<})F{8_)YZzjrVJ_c;fzD&fK^kNd1wdL>z3q8%5B;%~jJiGWBi(Ee<50L6X&Sr&Gob|ehr#qYP}VJ>DG~*Qq2!**@i##upulT@>DUAb"
    "r<#*0DoG|F%Dtr^3KRZPh`hk|e$>D0Rafj<qg(B*nIBIuF%7NQ>K5D+n}}{gLp(W~s}|^8Kv513j;Kv++I55RAX@fxvc`1ymE!}lP=#d~J"
    "<UYQlMH4IRwaxWCN>w)NhYqvW1dn(+@3#V!gSB^KZ&`Q2SenF9uWD0M%n<V-vO-Avb@;bh@t5DuXr2v-9W$*P<a=6jp)Oe4YrdQ#;UR>gy"
    "6m=tu%^1kR|dnhh}+2nhH-ISO-IdzCOIQMc#Scw9zqMnY*)Av9H=@7uRCo0+T9}_zA<yeD}s2w=->sJEXZmWTetIU_|(NR9ccza|05oLmI"
    "+J<0JSS5x*FiC1_cGVw@!%L8~!%F%2Pbykd0+MPimGb)!6xeGjmQW3UhOJz^&SOI+UAd=JbI90?Km)eDl^0i<Zo#YmZl4y4C&`GVDi+d^K"
    "l6gVF*HK}}6I*-+FO+DWzuBp=Rdb(Pkpvn!Ha)uBsYkADkcY}8?Q>;x|Doa|VRGDcBD<YO@CXO<s=i7Wn1%*hKpo0c4xBdAo6w(&|OXc!2"
    "{LUM+%M~2b72nhn-W6v?^Qlx0{*RcCdqMoqydy7{8GBPjjmEPGIGhL9iS4m*)JiURZWxzH7NpM%Bg!PVr_W5Mz&th``Z&4ZQ&Z38-QVDQ-"
    "SMx2_phOC|8Q{>OWHyfd#o)ub1AH84sR+CIy;lI3sV>c9GHt<Qw&}OU$Sv#fbw#$hUEw37goi!WdB@<qq+ax^wd<PT(%i+Ba9FihaUy<=W"
    "^z4xgz<DhIB1KQB_vpz(tDcOb+RGGP9Z=<ZSNmOcM9Qhl?HwGCzwMkx<-s<YGZnVGkUP`(wddi(d|k9Rm(U$xs*ibBO?QdOBM+t~ayy#9P"
    "BPme1U2uXJ~>SHI5wv?(sGL*~q|fui)tB$alBo@vIjI(?;(P2VnFveJ%#VeEczoNeA!f=c<@?)nAQyjsfMM+0I96{&PeJhhTiE|)t=(9w_"
    "TyF;7*3!6#5b^",
)
"""For labels: height, width of each letter from space to tilde, pixels of two bits, packed and written in base 85."""

LARGE: Font = (
    20,
    bytes.fromhex(
        "0404070a0a0e0c0406060b0a040604060a0a0a0a0a0a0a0a0a0a04040a0a0a090f0c0b0d0d0b0b0d0d050a0c0b100d0d0b0d"
        "0b0b0b0d0c120c0c0b0606060a09050a0b0a0b0a070b0a04040a040f0a0b0b0b0609070a0a0f090a090505060a"
    ),
    "c-oy<O>7)V75=K4xYjPGheN^|?D0q_f<e^SJ`7T4an=>D1c&gG!%hsclthRlZ00aXj^u30i9`;8$iT8!EW{xadnlFxWhHPbo`Z#uP-}yUM"
    "2KjKI4jsJ>VqT3$eZEyjP3Qz^h|cCDRozMSJiv(tM|ToJwR#+_6jha-+$^}u>Kp~yXare58}s|8o;N~m@%KhH@G?C8kyI=i9g`{b9lXdum"
    "*;)EvoO`sVVi9rFCri*p_(A-1OiN?yd#59<XgeLv)vzSG8Ce58T?@OetyZ9!Gqi0YgCL_i(>0;Ko(25(H-UKF@}-hpPH1i%O`Fy-AgpNz<"
    "5#OQY0QkkgRWl3Z>Kbj(szIvy1b8(zl1d3aMvrN*Gci1u2rv19P)$ufprQmHX8rTJJ-1g8>EMt*{SehN3CzlCxU&njLr$#adFm*?2jZns~"
    "FD}m~IxbxD{-ZRw5e$!yMWx@y<LpB#phcR^-ZOn>FfIsp`;ZM7l0H;JH+Tit+?J!c`MnRsofJEA*tJDXg&67d}<|P&&WXRACM$8C|qguMt"
    "nCYJJa5VgjkktyURzb*J4zCHsd3;US_@^RGD-;lOGl>U$Md=zJQ!8#(sGY{wOW%d#=tdBY%jFUiC_?{7);F(s3rz#^xb7{)o4h`dqLmCcc"
    "!Jf^Bl&o9O)Mxv%_dkiXNax|uF-h8B*|LRz$b8whb$s!fhG=qiWzkoZ(J4C0M|vu{)oSyt8QHLswBv(R5!fsG;~Ew+7}hpNf&);^sVr+L^"
    "-doiF~|?I`14mqPn~U=WXj=F6PsHy@)D%$Rb7%nO61i@jgzQxOa)QxB3^yu*FCUsvuw{=%-SsByo-ElSp6ZiaaAC6dltXhv)^t+gr@TNtp"
    "SIv}DmN{p^#+7EcU*N%*zMtxc)&)UeDBe!q5aY3=Vh(gNYYFJKZX`B=vymw;8^UFdtv)VRCig(pSSkhbJkkPV1z5M&dIN`qt6mU2o<>DG9"
    "~>Y<$mpMP?PS1rxbV*ZJ1q!XXH&D`9CNhCq~IHD3e6L%tvj#OZs7qLs5oQCx<eCIYuvf~k?CZ<#tk>kdb@SB~A<1yx+B*S{_<7Hbqq>|7e"
    "p(Hv{{AjC5Pv=WC;G<7#K24|jRo=8Wnia_SIJReRJ>%=+6~xX9y-S<ExgGT4J_H9%Y<3zAZ@%PrzUiK79hV0#oeMW<<iO<$9cSbOh3XS*r"
    "<r51U@>mBupzfqSOuFy{32p%N8B1=k+V3F3VRz;UCmywH;)Ssld;f~R+<Sr<O=q1sO;E^viY*I#iFw1ys|4}%7%x@OfuC7)jKMG2NetJCL"
    "F)dq@vM9>(<t|JWNex^{*X&%w<GaP4-xTJTsh|plzcK^?g(bw>Lqw2}K=>V0y#*IIv5?D?=fY1dg@Hs%5Wn!JT=gBYjx8369GwJzz8Y0Sl"
    "i3Wd5S#<U)R;O?ZdfG_l(vd|d`cNV6mm&L?VM8>oI8s-VRy<S9dGdq(HP#iJC`#Hvv<#Yt(VdppH2IV-s<WM?M^?QO&s`_Mx+0ftgXMFd8"
    "c5lIlykWZT$)AxX1QtpOy4{eo@Z6Q!5M<6|B*}xS-Eq>??l~;-uQhZrNWn08oy&K$pE*zs&@o$XAX0U}@{f+{a=;KFP(6aiSJsn<!`3FmI"
    "*Kz^l1x)vvyO7u-!zItv4op|=HFXzelG8d$U?H~(l5@J8<f$Pr26LtqccdzlW!6d}+iJ{@?jLD+ourtQO`6@r(&4$*tIVHwQ_QxyqYt&~b"
    "chlq{aK87ZUsY!%jTqa4F6}@X`KGx92Qg0o?tFuew+>nrk0=1&KIU>Hwp`zeDy>c)$K;(BWdR{i&|y~`^X}o#5@<?Iajdn^FD$u<7}a#uX"
    "(4N)H;nN5%fsG_9LSHj+vXO=#0NFC^H^<=ibBW@n;IU%F8>A^)p8mu6QJfbqcDR=jmK_jqnq6gLHiN)@#{5y5!+!Lw@cAp7IZ<y=molR^8"
    "c&MOX7Eero){r9D|2X@0}B%3iW|9`-<atI)Bs3fE>O9ZhfI4bNT1^tfB|)RyCgu1}-AQty+N{rBzB_|e(Sbi5>FK;h?CtnspnqVqtvzaxD"
    "(Q`^hds3GSg>elO=ETJqrn>F4m7x8qUUlQ5J{|+3XA7uyIxOmT?_1vQ4YOkhgvdYemD;qO?0n0g5tLEyQ?EY?v5V*$j^K^qxNe|u5>KA*E"
    "Vmow-;5>2bH(noi_sw0(P>2U<k8sM1@_4|U-=BJ0M2JkZ5DJyOIV<G9B2)WbKK#O%utR^v&Dqc6Qb@U3+@Cr`peo_7@NdM-3G)JNqRjeHu"
    "i?|UA*|KjP(E~Q?6CPciUMCm#G9W>rv-AIr*o!MAh0L_#tPB1W9H1EgXFA*7@l(QhV%5z+iZ<Rto0{GtJ`^@ldQN$;43V<OXk`u^havzOl"
    ">)r_Tqonfjt!",
)
"""For titles: height, width of each letter from space to tilde, pixels of two bits, packed and written in base 85."""
